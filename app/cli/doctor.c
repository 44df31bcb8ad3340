/* gonio-cli doctor: what this machine and this program can do, and what to do about the rest. */
#include "app/cli/doctor.h"

static const char *const health_names[] = {"ok", "note", "fail"};

static void
free_finding (gpointer data)
{
  GonioFinding *finding = data;
  g_free (finding->name);
  g_free (finding->text);
  g_free (finding->advice);
  g_free (finding);
}

void
gonio_doctor_add (GPtrArray *findings, GonioHealth health, const char *name, char *text,
                  char *advice)
{
  GonioFinding *finding = g_new0 (GonioFinding, 1);
  *finding = (GonioFinding){health, g_strdup (name), text, advice};
  g_ptr_array_add (findings, finding);
}

static void
print_text (const GPtrArray *findings, guint n_failed)
{
  gonio_cli_print ("gonio-cli %s\n", GONIO_VERSION);
  for (guint i = 0; i < findings->len; i++) {
    const GonioFinding *finding = g_ptr_array_index (findings, i);
    gonio_cli_print ("%-4s  %s: %s\n", health_names[finding->health], finding->name, finding->text);
    if (finding->advice != NULL)
      gonio_cli_print ("      -> %s\n", finding->advice);
  }
  if (n_failed > 0)
    gonio_cli_print ("%u of %u checks failed\n", n_failed, findings->len);
  else
    gonio_cli_print ("nothing failed in %u checks\n", findings->len);
}

static void
print_json (const GPtrArray *findings, GPtrArray *backends, guint n_failed)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  gonio_cli_json_string (builder, "version", GONIO_VERSION);
  json_builder_set_member_name (builder, "ok");
  json_builder_add_boolean_value (builder, n_failed == 0);
  json_builder_set_member_name (builder, "checks");
  json_builder_begin_array (builder);
  for (guint i = 0; i < findings->len; i++) {
    const GonioFinding *finding = g_ptr_array_index (findings, i);
    json_builder_begin_object (builder);
    gonio_cli_json_string (builder, "name", finding->name);
    gonio_cli_json_string (builder, "state", health_names[finding->health]);
    gonio_cli_json_string (builder, "found", finding->text);
    gonio_cli_json_string (builder, "advice", finding->advice);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
  gonio_doctor_backends_json (builder, backends);
  json_builder_end_object (builder);
  gonio_cli_json_print (builder);
}

GonioExit
gonio_cli_doctor (const GonioCommand *command, int argc, char **argv)
{
  static void (*const checks[]) (GPtrArray * findings) = {
      gonio_doctor_libraries,
      gonio_doctor_models,
      gonio_doctor_places,
      gonio_doctor_display,
  };
  gboolean json = FALSE, fresh = FALSE;
  guint n_failed = 0;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON object on stdout", NULL},
      {"self-test", 0, 0, G_OPTION_ARG_NONE, &fresh,
       "test backends anew, also those whose outcome is kept", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, NULL, 0, 0, &argc, &argv, &code))
    return code;
  g_autoptr (GPtrArray) findings = g_ptr_array_new_with_free_func (free_finding);
  gonio_doctor_processor (findings);
  g_autoptr (GPtrArray) backends = gonio_doctor_backends (findings, fresh);
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    checks[i](findings);
  for (guint i = 0; i < findings->len; i++)
    n_failed +=
        ((const GonioFinding *)g_ptr_array_index (findings, i))->health == GONIO_HEALTH_FAIL;
  if (json)
    print_json (findings, backends, n_failed);
  else
    print_text (findings, n_failed);
  return n_failed > 0 ? GONIO_EXIT_INPUT : GONIO_EXIT_DONE;
}
