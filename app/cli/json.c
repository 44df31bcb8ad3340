/* Building JSON for stdout; see json.h. */
#include "app/cli/json.h"

#include <math.h>

void
gonio_cli_json_string (JsonBuilder *builder, const char *key, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, valid);
}

void
gonio_cli_json_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

void
gonio_cli_json_number (JsonBuilder *builder, const char *key, double value)
{
  json_builder_set_member_name (builder, key);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

char *
gonio_cli_json_text (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}

void
gonio_cli_json_print (JsonBuilder *builder)
{
  g_autofree char *text = gonio_cli_json_text (builder);
  gonio_cli_print ("%s\n", text);
}
