#include <gtest/gtest.h>
#include <signal.h>

#include "retmask/base/stop_signals.h"

namespace retmask {
namespace {

TEST(StopSignals, TheFirstSignalIsNamed) {
  const StopSignals signals;
  EXPECT_EQ(signals.asked_by(), nullptr);
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  EXPECT_STREQ(signals.asked_by(), "SIGUSR1");
}

TEST(StopSignals, EachOfTheThreeIsCaughtAndForgottenBehindTheScope) {
  for (const auto& [number, name] : {std::pair(SIGTERM, "SIGTERM"),
                                     std::pair(SIGINT, "SIGINT"),
                                     std::pair(SIGUSR1, "SIGUSR1")}) {
    const StopSignals signals;
    EXPECT_EQ(signals.asked_by(), nullptr);
    ::raise(number);
    EXPECT_STREQ(signals.asked_by(), name);
  }
}

TEST(StopSignals, EarlierHandlersComeBack) {
  struct sigaction before = {};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignals signals;
    struct sigaction during = {};
    ::sigaction(SIGTERM, nullptr, &during);
    EXPECT_NE(during.sa_handler, before.sa_handler);
  }
  struct sigaction after = {};
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(StopSignalsDeathTest, ASecondInterruptEndsAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        ::raise(SIGTERM);
        ::raise(SIGINT);  // behind another signal it is still the first of its kind
        ::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT),
      "");
}

TEST(StopSignals, WorkStopsWithTheSignalsName) {
  stop_if_asked(nullptr, "unused");
  const StopSignals signals;
  stop_if_asked(signals.poll(), "unused");
  ::raise(SIGTERM);
  try {
    stop_if_asked(signals.poll(), "3 rows are kept");
    FAIL() << "did not stop";
  } catch (const Stopped& stopped) {
    EXPECT_STREQ(stopped.what(), "stopped by SIGTERM; 3 rows are kept");
  }
}

}  // namespace
}  // namespace retmask
