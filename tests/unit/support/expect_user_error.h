#pragma once
// Errors that a test expects.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "retmask/base/error.h"

// Runs `action` and expects a one-line Error that contains every one of `parts`.
template <typename Error, typename Action>
void expect_error_line(Action action, const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << message;
    }
  }
}

template <typename Action>
void expect_user_error(Action action, const std::vector<std::string>& parts) {
  expect_error_line<retmask::UserError>(action, parts);
}

// A StorageError: the disk is full or fails.
template <typename Action>
void expect_storage_error(Action action, const std::vector<std::string>& parts) {
  expect_error_line<retmask::StorageError>(action, parts);
}
