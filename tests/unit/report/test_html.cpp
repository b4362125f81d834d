#include <gtest/gtest.h>

#include "retmask/report/html.h"

namespace retmask {
namespace {

TEST(Html, EscapesAllText) {
  HtmlFragment inside;
  inside.preformatted("<pre>");
  HtmlFragment body;
  body.heading("<h>");
  body.subheading("<s>");
  body.paragraph("<p> & \"q\"");
  body.table({.columns = {"<c>"}, .rows = {{"<script>alert(1)</script>"}}});
  body.details("<d>", inside);
  const std::string page = html_page("<title>", body);
  for (const char* raw : {"<h>", "<s>", "<p> &", "<c>", "<script", "<d>", "<pre><pre>"}) {
    EXPECT_EQ(page.find(raw), std::string::npos) << raw;
  }
  EXPECT_NE(page.find("<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"), std::string::npos);
}

TEST(Html, LoadsNothing) {
  HtmlFragment body;
  body.paragraph("x");
  const std::string page = html_page("t", body);
  for (const char* reference : {"http://", "https://", "src=", "url(", "@import", "<link"}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
}

TEST(Html, AlignsNumberColumns) {
  HtmlFragment body;
  body.table({.columns = {"name", "value"}, .rows = {{"a", "1"}, {"b", "-2.5"}}});
  EXPECT_NE(body.markup().find("<td>a</td><td class=\"number\">1</td>"), std::string::npos);
}

}  // namespace
}  // namespace retmask
