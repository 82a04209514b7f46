# SPDX-License-Identifier: LGPL-2.1-or-later
# Is DATA as $of of xhp/schema.json says? A list of what is not; as much of JSON
# Schema as that file uses, and an error for anything else.
#	jq -n --slurpfile schema xhp/schema.json --arg of NAME -f schema.jq --slurpfile data DATA

def kind:
  if type == "number" then (if floor == . then "integer" else "number" end) else type end;

def check($s; $root; $at):
  . as $v |
  if (($s | keys) - ["$ref", "type", "enum", "description", "required", "properties",
      "additionalProperties", "items"]) != [] then "\($at): the schema has \($s | keys)"
  elif $s["$ref"] then
    check($root["$defs"][$s["$ref"] | ltrimstr("#/$defs/")]; $root; $at)
  elif $s.enum then
    if $s.enum | index([$v]) then empty else "\($at): \($v) is none of \($s.enum)" end
  elif ($s.type | if type == "array" then . else [.] end | index([$v | kind])) == null then
    "\($at): \($v | kind), not \($s.type)"
  elif ($v | type) == "array" then
    $v | to_entries[] | .key as $i | .value | check($s.items; $root; "\($at)[\($i)]")
  elif ($v | type) == "object" then
    (($s.required // []) - ($v | keys) | .[] | "\($at): no \(.)"),
    ($v | to_entries[] | .key as $k | .value |
      if ($s.properties // {})[$k] then check($s.properties[$k]; $root; "\($at).\($k)")
      elif ($s.additionalProperties | type) == "object" then
        check($s.additionalProperties; $root; "\($at).\($k)")
      else "\($at): \($k) is not in the schema" end)
  else empty end;

$schema[0] as $root | $data[0] | check($root["$defs"][$of]; $root; $of)
