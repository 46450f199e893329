// Go's fmt verbs over template data.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "platform/gotemplate/data.h"

namespace gotemplate {

// fmt.Sprintf, with its notes about wrong verbs: %!d(string=hi), %!s(MISSING), %!(EXTRA int=1).
std::string formatPrintf(std::string_view format, std::span<const Data> arguments);
// fmt.Sprint: a space between two operands when neither is a string. fmt.Sprintln: always, and a
// line end.
std::string formatPrint(std::span<const Data> arguments);
std::string formatPrintln(std::span<const Data> arguments);

std::string formatDouble(double value);  // %v: shortest, exponent from 1e21
std::string goQuote(std::string_view text);

}  // namespace gotemplate
