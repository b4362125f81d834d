#include "retmask/report/text.h"

#include <cmath>
#include <cstdio>

namespace retmask {

std::string escape_xml(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool forbidden = (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7F;
        escaped += forbidden ? "\xEF\xBF\xBD" : std::string(1, c);
      }
    }
  }
  return escaped;
}

std::string format_number(double value, int digits) {
  if (std::isnan(value)) return "";
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  // %g writes 1.2e+03 for numbers that fit without an exponent.
  if (std::abs(value) >= 1 && std::abs(value) < 1e9 &&
      std::string_view(text).find('e') != std::string_view::npos) {
    std::snprintf(text, sizeof text, "%.0f", value);
  }
  return text;
}

}  // namespace retmask
