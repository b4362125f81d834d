#pragma once
// One parser per group of forms. Each throws UserError naming `where`.

#include <string>
#include <string_view>

#include "retmask/base/json.h"
#include "retmask/heads/head_list.h"

namespace retmask {

HeadList parse_json_form(std::string_view text, const std::string& where);

// True if the first line is one of numbers; comments and empty lines do not count.
bool is_gate_table(std::string_view text);
HeadList parse_gate_table(std::string_view text, const std::string& where);

HeadList parse_yaml_form(std::string_view text, const std::string& where);
// The same for a config written as JSON; nullopt if `config` has none of the keys.
std::optional<HeadList> parse_config_object(const Json& config, const std::string& where);

// A list without scores. Throws UserError for no heads and for a head listed twice.
HeadList list_in_order(HeadForm form, std::vector<Head> heads, const std::string& where);

}  // namespace retmask
