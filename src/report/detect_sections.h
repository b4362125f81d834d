#pragma once
// Parts of the section of a detect run.

#include "detection.h"
#include "html.h"
#include "run_folder.h"

namespace retmask {

// Warnings about the scores, if summary.json has any.
HtmlFragment certainty_notes(const Detection& detection);
// How few heads hold most of the score; empty if summary.json does not say.
HtmlFragment concentration_section(const Detection& detection);
// verify.json: success with heads masked; empty if the run has no such file.
HtmlFragment verify_section(const RunFolder& run);
// Some answers with the copied tokens marked. `where`: the file of the rows.
HtmlFragment texts_section(const Detection& detection, const std::string& where);

}  // namespace retmask
