#include <gtest/gtest.h>

#include <map>

#include "retmask/distributed/placement.h"
#include "unit/support/expect_user_error.h"

namespace retmask::distributed {
namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_of(const Variables& variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
}

Variables torchrun() {
  return {{"RANK", "5"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_RANK", "1"},
          {"MASTER_ADDR", "gpu03"},
          {"MASTER_PORT", "29500"}};
}

Variables srun() {
  return {{"SLURM_JOB_ID", "123456"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "3"},
          {"SLURM_NTASKS", "4"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_JOB_NODELIST", "gpu[07-08]"}};
}

TEST(Placement, NothingSaysOneProcess) {
  const Placement placement = read_placement(environment_of({}));
  EXPECT_EQ(placement.launcher, Launcher::none);
  EXPECT_EQ(placement.size, 1);
}

TEST(Placement, Torchrun) {
  Variables variables = torchrun();
  Placement placement = read_placement(environment_of(variables));
  EXPECT_EQ(placement.launcher, Launcher::torchrun);
  EXPECT_EQ(placement.rank, 5);
  EXPECT_EQ(placement.size, 8);
  EXPECT_EQ(placement.local_rank, 1);
  EXPECT_EQ(placement.master_address, "gpu03");
  EXPECT_EQ(placement.master_port, 29500);
  EXPECT_FALSE(placement.launcher_listens);
  variables["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  EXPECT_TRUE(read_placement(environment_of(variables)).launcher_listens);
}

TEST(Placement, AMissingOrWrongVariableIsNamed) {
  Variables variables = torchrun();
  variables["RANK"] = "8";
  expect_user_error([&] { read_placement(environment_of(variables)); }, {"RANK", "8", "0 to 7"});
  variables = torchrun();
  variables["WORLD_SIZE"] = "eight";
  expect_user_error([&] { read_placement(environment_of(variables)); }, {"WORLD_SIZE", "eight"});
  variables = torchrun();
  variables.erase("MASTER_ADDR");
  expect_user_error([&] { read_placement(environment_of(variables)); }, {"MASTER_ADDR", "missing"});
}

TEST(Placement, Srun) {
  Variables variables = srun();
  const Placement placement = read_placement(environment_of(variables));
  EXPECT_EQ(placement.launcher, Launcher::slurm);
  EXPECT_EQ(placement.rank, 3);
  EXPECT_EQ(placement.size, 4);
  EXPECT_EQ(placement.local_rank, 1);
  EXPECT_EQ(placement.master_address, "gpu07");
  EXPECT_GE(placement.master_port, 20000);
  variables["SLURM_PROCID"] = "0";
  EXPECT_EQ(read_placement(environment_of(variables)).master_port, placement.master_port);
  variables["SLURM_STEP_ID"] = "1";
  EXPECT_NE(read_placement(environment_of(variables)).master_port, placement.master_port);
}

TEST(Placement, ABatchScriptOutsideOfSrunIsOneProcess) {
  Variables variables = srun();
  variables.erase("SLURM_STEP_ID");
  EXPECT_EQ(read_placement(environment_of(variables)).size, 1);
}

TEST(Placement, AShellInAJobIsOneProcess) {
  Variables variables = srun();
  variables["SLURM_PTY_PORT"] = "40000";
  EXPECT_EQ(read_placement(environment_of(variables)).size, 1);
  variables = srun();
  variables["SLURM_PROCID"] = "0";
  variables["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_EQ(read_placement(environment_of(variables)).size, 1);
  variables["SLURM_STEP_NUM_TASKS"] = "2";
  EXPECT_EQ(read_placement(environment_of(variables)).size, 2);
}

TEST(Placement, VariablesOfAnEarlierTorchrunAreNoRanks) {
  EXPECT_EQ(read_placement(environment_of({{"WORLD_SIZE", "8"}})).size, 1);
  EXPECT_EQ(read_placement(environment_of({{"RANK", "3"}})).size, 1);
  EXPECT_EQ(read_placement(environment_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}})).size, 1);
  Variables variables = srun();
  variables["WORLD_SIZE"] = "4";  // as job scripts export it
  EXPECT_EQ(read_placement(environment_of(variables)).launcher, Launcher::slurm);
}

TEST(Placement, TorchrunGoesBeforeSrun) {
  Variables variables = srun();
  variables.merge(torchrun());
  EXPECT_EQ(read_placement(environment_of(variables)).launcher, Launcher::torchrun);
}

TEST(Placement, OwnCopies) {
  Variables variables;
  for (const auto& [name, value] : environment_of_rank(2, 4, 4711)) variables[name] = value;
  const Placement placement = read_placement(environment_of(variables));
  EXPECT_EQ(placement.launcher, Launcher::nproc);
  EXPECT_EQ(placement.rank, 2);
  EXPECT_EQ(placement.size, 4);
  EXPECT_EQ(placement.local_rank, 2);
  EXPECT_EQ(placement.master_address, "127.0.0.1");
  EXPECT_EQ(placement.master_port, 4711);
}

TEST(FirstHost, OfEveryFormOfList) {
  EXPECT_EQ(first_host("login"), "login");
  EXPECT_EQ(first_host("gpu1,gpu2"), "gpu1");
  EXPECT_EQ(first_host("gpu[07-09,12],login"), "gpu07");
  EXPECT_EQ(first_host("gpu[3]"), "gpu3");
  EXPECT_EQ(first_host("rack[1-2]node[04-05]"), "rack1node04");
  EXPECT_EQ(first_host("gpu[1-2]-ib"), "gpu1-ib");
  expect_user_error([] { first_host("gpu[1-2"); }, {"gpu[1-2", "MASTER_ADDR"});
}

}  // namespace
}  // namespace retmask::distributed
