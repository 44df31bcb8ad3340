/* Facts for the diagnostics page; see gonio-diagnostics.h. */
#include "ui/model/gonio-diagnostics.h"

#include "ui/model/gonio-item.h"
#include "ui/model/gonio-where.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

static void
free_row (gpointer data)
{
  GonioDiagnosticRow *row = data;
  g_free (row->title);
  g_free (row->text);
  g_ptr_array_unref (row->details);
  g_free (row);
}

static void
free_section (gpointer data)
{
  GonioDiagnosticSection *section = data;
  g_free (section->title);
  g_ptr_array_unref (section->rows);
  g_free (section);
}

static GonioDiagnosticSection *
add_section (GPtrArray *sections, const char *title)
{
  GonioDiagnosticSection *section = g_new0 (GonioDiagnosticSection, 1);
  section->title = g_strdup (title);
  section->rows = g_ptr_array_new_with_free_func (free_row);
  g_ptr_array_add (sections, section);
  return section;
}

/* Takes text. */
static GonioDiagnosticRow *
add_row (GonioDiagnosticSection *section, const char *title, char *text)
{
  GonioDiagnosticRow *row = g_new0 (GonioDiagnosticRow, 1);
  row->title = g_strdup (title);
  row->text = text;
  row->details = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (section->rows, row);
  return row;
}

/* ---- program ---- */

static const char *
precision_words (GonioPrecision precision)
{
  return precision == GONIO_PRECISION_FP16 ? _ ("16-bit storage on graphics cards (fp16)")
                                           : _ ("32-bit (fp32)");
}

static void
add_program (GPtrArray *sections, const GonioDiagnosticFacts *facts)
{
  GonioDiagnosticSection *section = add_section (sections, _ ("Program"));
  g_autofree char *system = g_get_os_info (G_OS_INFO_KEY_PRETTY_NAME);
  GonioDiagnosticRow *row = add_row (section, "Gonio " GONIO_VERSION,
                                     g_strdup (system != NULL ? system : _ ("unknown system")));
  for (guint i = 0; facts->libraries != NULL && i < facts->libraries->len; i++)
    g_ptr_array_add (row->details, g_strdup (facts->libraries->pdata[i]));
  add_row (section, _ ("Chosen in the preferences"),
           g_strdup_printf ("%s; %s",
                            g_str_equal (facts->choice, GONIO_ENGINE_AUTO)
                                ? _ ("Automatic")
                                : gonio_where_backend (facts->choice),
                            precision_words (facts->precision)));
  if (facts->note != NULL)
    add_row (section, _ ("Not what was chosen"), g_strdup (facts->note));
  if (facts->error != NULL)
    add_row (section, _ ("Gonio cannot measure"), g_strdup (facts->error));
  GPtrArray *problems = facts->pipeline != NULL ? gonio_pipeline_problems (facts->pipeline) : NULL;
  for (guint i = 0; problems != NULL && i < problems->len; i++)
    add_row (section, _ ("Passed over"), g_strdup (problems->pdata[i]));
}

/* ---- backends ---- */

static char *
backend_text (const GonioEngineBackend *backend)
{
  if (backend->problem != NULL)
    return g_strdup_printf (_ ("Cannot be used here: %s"), backend->problem);
  g_autofree char *device = g_strdup_printf (
      "%s%s%s", backend->device != NULL ? backend->device : _ ("unknown device"),
      backend->driver != NULL ? "; " : "", backend->driver != NULL ? backend->driver : "");
  if (!backend->decided)
    return g_steal_pointer (&device);
  if (backend->automatic)
    return g_strdup_printf (_ ("%s. Automatic uses it"), device);
  if (backend->passed_over == NULL)
    return g_strdup_printf (_ ("%s. Used only when it is chosen"), device);
  return g_strdup_printf (_ ("%s. Automatic passes it over: %s"), device, backend->passed_over);
}

static void
add_backends (GPtrArray *sections, const GonioDiagnosticFacts *facts)
{
  GonioDiagnosticSection *section = add_section (sections, _ ("What can compute here"));
  for (guint i = 0; facts->backends != NULL && i < facts->backends->len; i++) {
    const GonioEngineBackend *backend = facts->backends->pdata[i];
    g_autofree char *title =
        g_strdup_printf ("%s: %s", backend->name, gonio_where_backend (backend->name));
    add_row (section, title, backend_text (backend));
  }
}

/* ---- models ---- */

/* Nodes of one operator that are on one backend for one reason. */
typedef struct {
  const GonioPlacement *first;
  guint n;
} Group;

/* Those that an earlier backend of the list would have had first. */
static GArray *
group_elsewhere (GPtrArray *placement)
{
  GArray *groups = g_array_new (FALSE, FALSE, sizeof (Group));
  for (guint i = 0; i < placement->len; i++) {
    const GonioPlacement *node = placement->pdata[i];
    if (*node->reason == '\0')
      continue;
    guint k = 0;
    for (; k < groups->len; k++) {
      const GonioPlacement *first = g_array_index (groups, Group, k).first;
      if (g_str_equal (first->op, node->op) && g_str_equal (first->backend, node->backend) &&
          g_str_equal (first->reason, node->reason))
        break;
    }
    if (k == groups->len) {
      Group group = {node, 0};
      g_array_append_val (groups, group);
    }
    g_array_index (groups, Group, k).n++;
  }
  return groups;
}

typedef struct {
  const char *backend;
  guint n;
} Count;

static int
most_first (gconstpointer a, gconstpointer b)
{
  const Count *x = a, *y = b;
  return x->n != y->n ? (x->n > y->n ? -1 : 1) : strcmp (x->backend, y->backend);
}

/* "52 of 52 nodes on cpu", "40 of 62 nodes on gl-compute, 22 on cpu" */
static char *
placement_text (GPtrArray *placement)
{
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (Count));
  for (guint i = 0; i < placement->len; i++) {
    const GonioPlacement *node = placement->pdata[i];
    guint k = 0;
    while (k < counts->len &&
           !g_str_equal (g_array_index (counts, Count, k).backend, node->backend))
      k++;
    if (k == counts->len)
      g_array_append_vals (counts, &(Count){node->backend, 0}, 1);
    g_array_index (counts, Count, k).n++;
  }
  if (counts->len == 0)
    return g_strdup (_ ("loaded, not run yet"));
  g_array_sort (counts, most_first);
  const Count *most = &g_array_index (counts, Count, 0);
  g_autoptr (GString) text = g_string_new (NULL);
  g_string_append_printf (text, _ ("%u of %u nodes on %s"), most->n, placement->len, most->backend);
  for (guint k = 1; k < counts->len; k++) {
    const Count *other = &g_array_index (counts, Count, k);
    g_string_append_printf (text, _ (", %u on %s"), other->n, other->backend);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static const char *
task_words (const char *task)
{
  static const struct {
    const char *task, *words;
  } table[] = {
      {"landmarks", N_ ("Landmarks")},
      {"classify-view", N_ ("Recognition of the view")},
      {"dewarp", N_ ("Flattening of photos")},
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_strcmp0 (table[i].task, task) == 0)
      return _ (table[i].words);
  return task;
}

static void
add_model (GonioDiagnosticSection *section, const GonioModelReport *report)
{
  g_autofree char *title =
      g_strdup_printf ("%s: %s %s", task_words (report->task), report->id, report->version);
  if (report->placement == NULL) {
    add_row (section, title,
             report->failure != NULL
                 ? g_strdup_printf (_ ("Cannot be used: %s"), report->failure)
                 : g_strdup (_ ("Not needed yet: it is loaded with the first picture that needs "
                                "it")));
    return;
  }
  GonioDiagnosticRow *row = add_row (section, title, placement_text (report->placement));
  g_auto (GStrv) given_up =
      g_strsplit (report->fallbacks != NULL ? report->fallbacks : "", "\n", -1);
  for (guint i = 0; given_up[i] != NULL; i++)
    g_ptr_array_add (row->details, g_strdup_printf (_ ("Given up: %s"), given_up[i]));
  g_autoptr (GArray) groups = group_elsewhere (report->placement);
  for (guint i = 0; i < groups->len; i++) {
    const Group *group = &g_array_index (groups, Group, i);
    g_ptr_array_add (row->details,
                     g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s, %u node on %s (%s)",
                                                   "%s, %u nodes on %s (%s)", group->n),
                                      group->first->op, group->n, group->first->backend,
                                      group->first->reason));
  }
}

static void
add_models (GPtrArray *sections, const GonioDiagnosticFacts *facts)
{
  if (facts->pipeline == NULL)
    return;
  g_autoptr (GPtrArray) reports = gonio_pipeline_dup_model_reports (facts->pipeline);
  GonioDiagnosticSection *section = add_section (sections, _ ("Models"));
  for (guint i = 0; i < reports->len; i++)
    add_model (section, reports->pdata[i]);
}

/* ---- the picture shown ---- */

static void
add_picture (GPtrArray *sections, const GonioResult *result)
{
  GonioDiagnosticSection *section = add_section (sections, _ ("The picture shown"));
  if (result == NULL) {
    add_row (section, _ ("None"), g_strdup (_ ("No picture has been measured yet")));
    return;
  }
  g_autofree char *name = g_path_get_basename (result->file);
  g_autofree char *where = gonio_where_line (result);
  GonioDiagnosticRow *row =
      add_row (section, name, g_strdup (where != NULL ? where : _ ("No network ran")));
  g_autofree char *details = gonio_where_details (result);
  g_auto (GStrv) lines = g_strsplit (details != NULL ? details : "", "\n", -1);
  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++) /* the first is a heading */
    g_ptr_array_add (row->details, g_strdup (lines[i]));

  double all = 0;
  for (guint i = 0; i < result->timings->len; i++)
    all += ((const GonioStageTime *)result->timings->pdata[i])->ms;
  row = add_row (section, _ ("Times"), gonio_where_time (all));
  for (guint i = 0; i < result->timings->len; i++) {
    const GonioStageTime *stage = result->timings->pdata[i];
    g_autofree char *time = gonio_where_time (stage->ms);
    g_ptr_array_add (row->details,
                     g_strdup_printf ("%s: %s", gonio_stage_words (stage->stage), time));
  }
}

/* ---- public ---- */

GPtrArray *
gonio_diagnostics_collect (const GonioDiagnosticFacts *facts)
{
  GPtrArray *sections = g_ptr_array_new_with_free_func (free_section);
  add_program (sections, facts);
  add_backends (sections, facts);
  add_models (sections, facts);
  add_picture (sections, facts->result);
  return sections;
}

char *
gonio_diagnostics_to_text (GPtrArray *sections)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < sections->len; i++) {
    const GonioDiagnosticSection *section = sections->pdata[i];
    g_string_append_printf (text, "%s%s\n", i > 0 ? "\n" : "", section->title);
    for (guint k = 0; k < section->rows->len; k++) {
      const GonioDiagnosticRow *row = section->rows->pdata[k];
      g_string_append_printf (text, "- %s: %s\n", row->title, row->text);
      for (guint d = 0; d < row->details->len; d++)
        g_string_append_printf (text, "    %s\n", (const char *)row->details->pdata[d]);
    }
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
