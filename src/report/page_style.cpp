#include "page_parts.h"

namespace retmask {

const std::string_view kPageStyle = R"css(
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1b1f24;--muted:#525c69;--rule:#dfe3e8;--mark:#d5e8fb;--line:#0072b2}
@media screen and (prefers-color-scheme:dark){:root{--page:#0e1013;--card:#15181d;--text:#e8eaed;--muted:#a9b3c0;
  --rule:#2d333b;--mark:#123a5c;--line:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
  font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;line-height:1.25;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:20px;margin:38px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h1+h2{margin-top:14px;padding-top:0;border:none}
h3{font-size:16px;margin:24px 0 8px}
p{margin:8px 0;max-width:80ch}
figure{display:inline-block;vertical-align:top;margin:8px 12px 8px 0;padding:6px;background:var(--card);
  border:1px solid var(--rule);border-radius:8px;max-width:100%;overflow-x:auto}
figcaption{color:var(--muted);font-size:13px;padding:2px 12px 8px;max-width:70ch}
svg{display:block;max-width:100%;height:auto}
.table{overflow-x:auto;margin:10px 0}
table{border-collapse:collapse;background:var(--card);font-size:14px}
th,td{border:1px solid var(--rule);padding:5px 10px;text-align:left;vertical-align:top;white-space:pre-wrap;
  overflow-wrap:break-word;min-width:4em;max-width:44ch}
th,th.number{font-weight:600;color:var(--muted);white-space:pre-wrap}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
pre,blockquote{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 12px;overflow-x:auto;
  font-size:13px;line-height:1.45}
blockquote{margin:10px 0;max-width:90ch;font-size:14px;line-height:1.7;white-space:pre-wrap;overflow-wrap:anywhere}
blockquote b{display:block;font-weight:600;color:var(--muted);font-size:13px}
mark{background:var(--mark);color:inherit;text-decoration:underline;text-decoration-color:var(--line);
  text-decoration-thickness:2px;text-underline-offset:3px;border-radius:2px}
details{margin:10px 0}
summary{cursor:pointer;color:var(--muted)}
:focus-visible{outline:2px solid var(--line);outline-offset:2px}
.rm-on{stroke:#d55e00;stroke-width:2.5;stroke-opacity:1;outline:1px solid #d55e00}
#tip{position:fixed;z-index:9;max-width:44ch;padding:4px 9px;border-radius:6px;background:var(--text);color:var(--card);
  font-size:13px;line-height:1.4;pointer-events:none}
#tip:empty{display:none}
@media print{
:root{--page:#fff;color-scheme:light}
body{font-size:10.5pt}
main{max-width:none;padding:0}
h2,h3{break-after:avoid}
figure,blockquote,tr{break-inside:avoid}
figure{border:none;padding:0}
.table,figure{overflow:visible}
table{font-size:9pt}
th,td{overflow-wrap:anywhere;min-width:0;padding:3px 6px}
mark{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details:not([open]),#tip{display:none}
}
)css";

}  // namespace retmask
