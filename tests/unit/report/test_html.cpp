#include <gtest/gtest.h>

#include "html.h"
#include "retmask/base/file.h"
#include "retmask/report/svg.h"
#include "unit/support/temp_dir.h"

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
  body.marked_text("<l>", {{"<t>", "<n \">"}});
  const std::string markup = body.markup();
  for (const char* raw :
       {"<h>", "<s>", "<p> &", "<c>", "<script", "<d>", "<pre><pre>", "<l>", "<t>", "<n"}) {
    EXPECT_EQ(markup.find(raw), std::string::npos) << raw;
  }
  EXPECT_EQ(html_page("<title>", body).find("<title><title>"), std::string::npos);
  EXPECT_NE(markup.find("<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"), std::string::npos);
}

TEST(Html, LoadsNothing) {
  HtmlFragment body;
  body.paragraph("x");
  body.figure(
      {"chart",
       bar_chart_svg(
           {.title = "t", .y_label = "y", .groups = {"g"}, .series = {"s"}, .values = {{1}}})});
  const std::string page = html_page("t", body);
  for (const char* reference : {"http://", "https://", "src=", "url(", "@import", "<link"}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
}

TEST(Html, MarksPiecesWithoutTheirSpace) {
  HtmlFragment body;
  body.marked_text("answer", {{"The", ""}, {" best", "by 1-2"}, {" ", "by 1-2"}});
  EXPECT_NE(body.markup().find("The <mark title=\"by 1-2\">best</mark> </blockquote>"),
            std::string::npos);
}

TEST(Html, WritesEachPictureToAFileOfItsOwn) {
  const std::string chart = success_grid_svg(
      {.title = "t", .lengths = {"1"}, .depths = {"0 %"}, .successes = {{1}}, .totals = {{1}}});
  HtmlFragment inside;
  inside.figure({"grid", chart});
  HtmlFragment body;
  body.figure({"grid", chart}, "caption");
  body.details("more", inside);
  const testing::TempDir folder;
  const auto page = write_page(folder.path(), "t", body);
  EXPECT_NE(read_text_file(page, "page").find(chart), std::string::npos);
  for (const char* name : {"grid.svg", "grid-2.svg"})
    EXPECT_EQ(read_text_file(folder / name, "picture"), svg_file(chart));
}

TEST(Html, AlignsNumberColumns) {
  HtmlFragment body;
  body.table({.columns = {"name", "value"}, .rows = {{"a", "1"}, {"b", "-2.5"}}});
  EXPECT_EQ(body.markup().find("<strong>"), std::string::npos);
  EXPECT_NE(body.markup().find("<td>a</td><td class=\"number\">1</td>"), std::string::npos);
}

}  // namespace
}  // namespace retmask
