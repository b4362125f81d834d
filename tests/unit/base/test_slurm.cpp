#include <gtest/gtest.h>

#include <map>

#include "retmask/base/slurm.h"

namespace retmask {
namespace {

using Variables = std::map<std::string, std::string>;

std::string count_in(const Variables& variables) {
  return slurm_task_count([&](const std::string& name) -> std::optional<std::string> {
           const auto found = variables.find(name);
           return found == variables.end() ? std::nullopt : std::optional(found->second);
         })
      .value_or("one process");
}

Variables step(Variables more) {
  Variables variables = {{"SLURM_JOB_ID", "77"},
                         {"SLURM_NTASKS", "6"},
                         {"SLURM_PROCID", "0"},
                         {"SLURM_LOCALID", "0"},
                         {"SLURM_STEP_ID", "2"}};
  variables.merge(more);
  return variables;
}

TEST(SlurmTaskCount, IsTheSteps) {
  EXPECT_EQ(count_in(step({{"SLURM_STEP_NUM_TASKS", "2"}})), "SLURM_STEP_NUM_TASKS");
  EXPECT_EQ(count_in(step({})), "SLURM_NTASKS");
}

TEST(SlurmTaskCount, AShellIsOneProcess) {
  EXPECT_EQ(count_in({}), "one process");
  Variables variables = step({{"SLURM_STEP_NUM_TASKS", "6"}, {"SLURM_PTY_PORT", "40123"}});
  EXPECT_EQ(count_in(variables), "one process") << "srun --pty";
  variables = step({});
  variables.erase("SLURM_STEP_ID");
  EXPECT_EQ(count_in(variables), "one process") << "salloc, or a batch script";
  for (const char* own : {"4294967290", "4294967291"}) {
    variables = step({{"SLURM_STEP_NUM_TASKS", "1"}});
    variables["SLURM_STEP_ID"] = own;
    EXPECT_EQ(count_in(variables), "one process") << own;
  }
}

}  // namespace
}  // namespace retmask
