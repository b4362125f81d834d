#include "retmask/report/html.h"

#include "retmask/report/text.h"

namespace retmask {
namespace {

constexpr std::string_view kPageStyle = R"css(
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1b1f24;--muted:#5b6572;--rule:#dfe3e8}
@media (prefers-color-scheme:dark){:root{--page:#0e1013;--card:#15181d;--text:#e8eaed;--muted:#9aa5b4;--rule:#2d333b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
  font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;line-height:1.25;margin:0 0 6px}
h2{font-size:20px;margin:38px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h3{font-size:16px;margin:24px 0 8px}
p{margin:8px 0;max-width:80ch}
figure{display:inline-block;vertical-align:top;margin:8px 12px 8px 0;padding:6px;background:var(--card);
  border:1px solid var(--rule);border-radius:8px;max-width:100%;overflow-x:auto}
figcaption{color:var(--muted);font-size:13px;padding:2px 12px 8px;max-width:70ch}
svg{display:block;max-width:100%;height:auto}
.table{overflow-x:auto;margin:10px 0}
table{border-collapse:collapse;background:var(--card);font-size:14px}
th,td{border:1px solid var(--rule);padding:5px 10px;text-align:left;vertical-align:top;white-space:pre-wrap;
  overflow-wrap:anywhere;min-width:4em;max-width:44ch}
th{font-weight:600;color:var(--muted)}
.number{text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 12px;overflow-x:auto;
  font-size:13px;line-height:1.45}
details{margin:10px 0}
summary{cursor:pointer;color:var(--muted)}
)css";

std::string element(std::string_view tag, std::string_view text) {
  const std::string name(tag);
  return "<" + name + ">" + escape_xml(text) + "</" + name + ">\n";
}

std::string cell(std::string_view tag, std::string_view text, bool is_number) {
  const std::string name(tag);
  return "<" + name + (is_number ? " class=\"number\">" : ">") + escape_xml(text) + "</" + name +
         ">";
}

}  // namespace

void HtmlFragment::heading(std::string_view text) { markup_ += element("h2", text); }
void HtmlFragment::subheading(std::string_view text) { markup_ += element("h3", text); }
void HtmlFragment::paragraph(std::string_view text) { markup_ += element("p", text); }
void HtmlFragment::preformatted(std::string_view text) { markup_ += element("pre", text); }

void HtmlFragment::table(const Table& table) {
  markup_ += "<div class=\"table\"><table>\n";
  if (!table.columns.empty()) {
    markup_ += "<thead><tr>";
    for (size_t i = 0; i < table.columns.size(); ++i)
      markup_ += cell("th", table.columns[i], table.is_numeric(i));
    markup_ += "</tr></thead>\n";
  }
  markup_ += "<tbody>\n";
  for (const auto& row : table.rows) {
    markup_ += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) markup_ += cell("td", row[i], table.is_numeric(i));
    markup_ += "</tr>\n";
  }
  markup_ += "</tbody></table></div>\n";
}

void HtmlFragment::figure(std::string_view svg, std::string_view caption) {
  markup_ += "<figure>\n" + std::string(svg);
  if (!caption.empty()) markup_ += element("figcaption", caption);
  markup_ += "</figure>\n";
}

void HtmlFragment::details(std::string_view summary, const HtmlFragment& inside) {
  markup_ += "<details>" + element("summary", summary) + inside.markup() + "</details>\n";
}

std::string html_page(std::string_view title, const HtmlFragment& body) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
         element("title", title) + "<style>" + std::string(kPageStyle) +
         "</style>\n</head>\n<body>\n<main>\n" + element("h1", title) + body.markup() +
         "</main>\n</body>\n</html>\n";
}

}  // namespace retmask
