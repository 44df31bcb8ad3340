/* Where networks ran, in words; see gonio-where.h. */
#include "ui/model/gonio-where.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

static const struct {
  const char *name, *title, *on;
} words[] = {
    {"cpu", N_ ("Processor"), N_ ("the processor")},
    {"gl-compute", N_ ("Graphics card (OpenGL compute)"), N_ ("the graphics card")},
    {"gl-fragment", N_ ("Graphics card (OpenGL, older cards)"), N_ ("the graphics card")},
    {"reference", N_ ("Processor, simple code (slow)"), N_ ("the processor's simple code")},
};

const char *
gonio_where_backend (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].name, name))
      return _ (words[i].title);
  return name;
}

static const char *
on_backend (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].name, name))
      return _ (words[i].on);
  return name;
}

char *
gonio_where_time (double ms)
{
  return ms < 999.5 ? g_strdup_printf (_ ("%.0f ms"), ms)
                    : g_strdup_printf (_ ("%.1f s"), ms / 1000);
}

/* ---- counting ---- */

static guint
nodes_of (const GonioModelUse *use, const char *backend)
{
  for (guint k = 0; k < use->nodes->len; k++) {
    const GonioNodeCount *count = use->nodes->pdata[k];
    if (g_str_equal (count->backend, backend))
      return count->nodes;
  }
  return 0;
}

static guint
nodes_on (const GonioResult *result, const char *backend)
{
  guint sum = 0;
  for (guint i = 0; i < result->models->len; i++)
    sum += nodes_of (result->models->pdata[i], backend);
  return sum;
}

/* Which of those on offer did most; nullable. */
static const GonioBackendUse *
main_backend (const GonioResult *result)
{
  const GonioBackendUse *best = NULL;
  guint most = 0;
  for (guint i = 0; i < result->backends->len; i++) {
    const GonioBackendUse *use = result->backends->pdata[i];
    guint nodes = nodes_on (result, use->name);
    if (nodes > most) {
      most = nodes;
      best = use;
    }
  }
  return best;
}

/* A backend that was given up and did nothing of a model after all; nullable. */
static const char *
lost_backend (const GonioResult *result)
{
  for (guint i = 0; i < result->models->len; i++) {
    char **given_up = ((const GonioModelUse *)result->models->pdata[i])->given_up;
    for (guint k = 0; given_up != NULL && given_up[k] != NULL; k++)
      for (guint b = 0; b < result->backends->len; b++) {
        const char *name = ((const GonioBackendUse *)result->backends->pdata[b])->name;
        const gsize length = strlen (name);
        if (strncmp (given_up[k], name, length) == 0 && given_up[k][length] == ':' &&
            nodes_of (result->models->pdata[i], name) == 0)
          return name;
      }
  }
  return NULL;
}

/* The backend that was asked for by name and did nothing; nullable. */
static const char *
missed_choice (const GonioResult *result)
{
  const char *choice = result->backend_choice;
  if (choice == NULL || g_str_equal (choice, "auto") || strchr (choice, ',') != NULL)
    return NULL;
  return nodes_on (result, choice) == 0 ? choice : NULL;
}

gboolean
gonio_where_is_fallback (const GonioResult *result)
{
  return main_backend (result) != NULL &&
         (lost_backend (result) != NULL || missed_choice (result) != NULL);
}

/* ---- words ---- */

static void
append_others (GString *text, const GonioResult *result, const GonioBackendUse *most)
{
  for (guint i = 0; i < result->backends->len; i++) {
    const GonioBackendUse *use = result->backends->pdata[i];
    guint nodes = use != most ? nodes_on (result, use->name) : 0;
    if (nodes == 0)
      continue;
    g_string_append (text, ", ");
    g_string_append_printf (text,
                            g_dngettext (GETTEXT_PACKAGE, "%u step on %s", "%u steps on %s", nodes),
                            nodes, on_backend (use->name));
  }
}

char *
gonio_where_line (const GonioResult *result)
{
  const GonioBackendUse *most = main_backend (result);
  if (most == NULL)
    return NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  const char *lost = lost_backend (result), *missed = missed_choice (result);
  if (lost != NULL) {
    g_string_append_printf (text, _ ("%s failed: ran on %s"), gonio_where_backend (lost),
                            on_backend (most->name));
  } else if (missed != NULL) {
    g_string_append_printf (text, _ ("%s cannot be used: ran on %s"), gonio_where_backend (missed),
                            on_backend (most->name));
  } else {
    g_string_append (text, gonio_where_backend (most->name));
    if (most->device != NULL)
      g_string_append_printf (text, ": %s", most->device);
  }
  append_others (text, result, most);
  if (g_strcmp0 (result->precision, "fp16") == 0 && g_str_has_prefix (most->name, "gl-"))
    g_string_append_printf (text, ", %s", _ ("half accuracy"));
  if (isfinite (result->networks_ms)) {
    g_autofree char *time = gonio_where_time (result->networks_ms);
    g_string_append_printf (text, ", %s", time);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
gonio_where_details (const GonioResult *result)
{
  if (main_backend (result) == NULL)
    return NULL;
  g_autoptr (GString) text = g_string_new (_ ("Where the networks ran"));
  for (guint i = 0; i < result->backends->len; i++) {
    const GonioBackendUse *use = result->backends->pdata[i];
    guint nodes = nodes_on (result, use->name);
    if (nodes == 0)
      continue;
    g_string_append_c (text, '\n');
    g_string_append_printf (text,
                            g_dngettext (GETTEXT_PACKAGE, "%s: %u step", "%s: %u steps", nodes),
                            gonio_where_backend (use->name), nodes);
    if (use->device != NULL)
      g_string_append_printf (text, " (%s%s%s)", use->device, use->driver != NULL ? "; " : "",
                              use->driver != NULL ? use->driver : "");
  }
  for (guint i = 0; i < result->models->len; i++) {
    const GonioModelUse *use = result->models->pdata[i];
    for (guint k = 0; use->given_up != NULL && use->given_up[k] != NULL; k++)
      g_string_append_printf (text, "\n%s: %s", use->id, use->given_up[k]);
  }
  if (isfinite (result->networks_ms)) {
    double all = 0;
    for (guint i = 0; i < result->timings->len; i++)
      all += ((const GonioStageTime *)result->timings->pdata[i])->ms;
    g_autofree char *networks = gonio_where_time (result->networks_ms);
    g_autofree char *whole = gonio_where_time (all);
    g_string_append_c (text, '\n');
    g_string_append_printf (text, _ ("%s in the networks, %s for the whole picture"), networks,
                            whole);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
