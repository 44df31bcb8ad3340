/* Building JSON for stdout. Depends on json-glib and cli.h. */
#pragma once

#include "app/cli/cli.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Model files hold any bytes; the text is made valid UTF-8. text nullable: "". */
void gonio_cli_json_string (JsonBuilder *builder, const char *key, const char *text);
void gonio_cli_json_int (JsonBuilder *builder, const char *key, gint64 value);
/* NaN and infinities, which JSON has not, become null. */
void gonio_cli_json_number (JsonBuilder *builder, const char *key, double value);
/* The finished document, indented, (transfer full) / to stdout with a newline. */
char *gonio_cli_json_text (JsonBuilder *builder);
void gonio_cli_json_print (JsonBuilder *builder);

G_END_DECLS
