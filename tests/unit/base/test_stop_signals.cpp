#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "retmask/base/stop_signals.h"

namespace retmask {
namespace {

TEST(StopSignals, TheFirstSignalIsNamed) {
  const StopSignals signals;
  EXPECT_EQ(stop_asked_by(), nullptr);
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  EXPECT_STREQ(stop_asked_by(), "SIGUSR1");
}

TEST(StopSignals, EachOfTheThreeIsCaughtAndForgottenBehindTheScope) {
  for (const auto& [number, name] : {std::pair(SIGTERM, "SIGTERM"),
                                     std::pair(SIGINT, "SIGINT"),
                                     std::pair(SIGUSR1, "SIGUSR1")}) {
    const StopSignals signals;
    EXPECT_EQ(stop_asked_by(), nullptr);
    ::raise(number);
    EXPECT_STREQ(stop_asked_by(), name);
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
        ::raise(SIGINT);  // after another signal it is still the first SIGINT
        ::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT),
      "");
}

TEST(StopSignals, AStopPointThrowsOnceASignalHasCome) {
  ::signal(SIGUSR1, SIG_IGN);
  ::raise(SIGUSR1);
  stop_point();  // no StopSignals exists
  const StopSignals signals;
  stop_point();
  EXPECT_FALSE(stop_is_due());
  ::raise(SIGUSR1);
  {
    const HoldStops held;
    const HoldStops twice;
    stop_point();
    EXPECT_FALSE(stop_is_due());
    EXPECT_STREQ(stop_asked_by(), "SIGUSR1");
  }
  EXPECT_TRUE(stop_is_due());
  EXPECT_FALSE(stop_was_granted());
  try {
    stop_point();
    FAIL() << "did not stop";
  } catch (const Stopped& stopped) {
    EXPECT_EQ(std::string(stopped.what()).find("stopped by SIGUSR1; "), 0U) << stopped.what();
  }
  EXPECT_TRUE(stop_was_granted());
}

TEST(StopSignals, ASignalThatWasBlockedForTheStartIsNotLost) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  ::raise(SIGTERM);
  const StopSignals signals;
  EXPECT_STREQ(stop_asked_by(), "SIGTERM");
}

TEST(StopSignals, WorkStopsWithTheSignalsName) {
  stop_if_asked(nullptr, "unused");
  const StopSignals signals;
  stop_if_asked(stop_asked_by, "unused");
  ::raise(SIGTERM);
  try {
    stop_if_asked(stop_asked_by, "3 rows are kept");
    FAIL() << "did not stop";
  } catch (const Stopped& stopped) {
    EXPECT_STREQ(stopped.what(), "stopped by SIGTERM; 3 rows are kept");
  }
}

}  // namespace
}  // namespace retmask
