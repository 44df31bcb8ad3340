/* gonio-cli ops: which ONNX operators run on which backend, from the tables of importer and
 * backends. */
#include "app/backends.h"
#include "app/cli/cli.h"

#include "core/onnx/operators.h"
#include "core/ops/op.h"

#include <string.h>

#define TABLE_START "<!-- operators: gonio-cli ops --update backends/README.md -->\n"
#define TABLE_END   "<!-- end of operators -->\n"

typedef struct {
  const char *before, *between, *after; /* of a row's cells */
  gboolean rule;                        /* a line of dashes under the head */
} Style;

static const Style markdown = {"| ", " | ", " |\n", TRUE};
static const Style plain = {"", "\t", "\n", FALSE};

/* Those on the processor, then those on cards; GonioBackendDef. */
static GPtrArray *
list_columns (void)
{
  GPtrArray *columns = g_ptr_array_new ();
  for (int cards = 0; cards < 2; cards++)
    for (const GonioBackendDef *const *def = gonio_backends (); *def != NULL; def++)
      if ((*def)->self_test == cards)
        g_ptr_array_add (columns, (gpointer)*def);
  return columns;
}

static void
add_head (GString *text, const Style *style, const GPtrArray *columns)
{
  g_autoptr (GString) rule = g_string_new ("|---|---|");
  g_string_append_printf (text, "%soperator%sversions", style->before, style->between);
  for (guint i = 0; i < columns->len; i++) {
    const GonioBackendDef *def = columns->pdata[i];
    g_string_append_printf (text, "%s%s", style->between, def->name);
    g_string_append (rule, "---|");
  }
  g_string_append (text, style->after);
  if (style->rule)
    g_string_append_printf (text, "%s\n", rule->str);
}

static void
add_row (GString *text, const Style *style, const GPtrArray *columns,
         const GonioOnnxOperator *operator)
{
  GonioOpId op = gonio_op_find (operator->domain, operator->op);
  g_string_append_printf (text, "%s%s%s%s%s%d", style->before, operator->domain,
                          *operator->domain != '\0' ? "." : "", operator->op,
                          style->between, operator->since);
  if (operator->until == 0)
    g_string_append_c (text, '+');
  else if (operator->until != operator->since)
    g_string_append_printf (text, "-%d", operator->until);
  for (guint i = 0; i < columns->len; i++) {
    const GonioBackendDef *def = columns->pdata[i];
    const char *cell = op == GONIO_OP_INVALID                    ? "made of others"
                       : def->has_op != NULL && def->has_op (op) ? "yes"
                                                                 : "no";
    g_string_append_printf (text, "%s%s", style->between, cell);
  }
  g_string_append (text, style->after);
}

static char *
make_table (const Style *style)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) all = gonio_onnx_operators ();
  g_autoptr (GPtrArray) columns = list_columns ();
  add_head (text, style, columns);
  for (guint i = 0; i < all->len; i++)
    add_row (text, style, columns, &g_array_index (all, GonioOnnxOperator, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Puts the table between the two marks of the file. */
static gboolean
update_file (const char *path, const char *table, GError **error)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  char *start = strstr (text, TABLE_START);
  char *end = start != NULL ? strstr (start, TABLE_END) : NULL;
  if (end == NULL) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                 "%s has no place for the table: the lines\n%s%sare missing", path, TABLE_START,
                 TABLE_END);
    return FALSE;
  }
  g_autofree char *head = g_strndup (text, (gsize)(start - text) + strlen (TABLE_START));
  g_autofree char *fresh = g_strconcat (head, "\n", table, "\n", end, NULL);
  return g_file_set_contents (path, fresh, -1, error);
}

GonioExit
gonio_cli_ops (const GonioCommand *command, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  gboolean as_markdown = FALSE;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"markdown", 0, 0, G_OPTION_ARG_NONE, &as_markdown, "a Markdown table", NULL},
      {"update", 0, 0, G_OPTION_ARG_FILENAME, &path,
       "put the Markdown table in its place in the file", "FILE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, NULL, 0, 0, &argc, &argv, &code))
    return code;
  g_autofree char *table = make_table (as_markdown || path != NULL ? &markdown : &plain);
  if (path == NULL)
    gonio_cli_print ("%s", table);
  else if (!update_file (path, table, &error))
    return gonio_cli_fail (error);
  return GONIO_EXIT_DONE;
}
