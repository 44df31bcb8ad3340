/* Einsum of one or two operands. Depends on lower. */
#include "backends/gl/common/lower.h"

#include <string.h>

#define LETTERS 52
#define LABELS                                                                                     \
  (LETTERS + GONIO_MAX_RANK) /* letters, then the axes under "...", aligned at the end */
#define MOST 6               /* axes of a kind, as in einsum.glsl */

typedef struct {
  gint64 sizes[LABELS], steps[2][LABELS]; /* size 0: not used */
  int uses[LABELS], hidden;               /* axes under "..." */
} Labels;

typedef struct {
  int n;
  int labels[MOST];
} Axes;

static int
letter (char c)
{
  return g_ascii_isupper (c) ? c - 'A' : g_ascii_islower (c) ? 26 + c - 'a' : -1;
}

/* The term of operand o against its shape. */
static gboolean
read_term (Labels *labels, const char *term, const GonioShape *shape, guint o)
{
  const char *dots = strstr (term, "...");
  int hidden = shape->rank - ((int)strlen (term) - (dots ? 3 : 0)), d = 0;
  int64_t strides[GONIO_MAX_RANK];
  if (hidden < 0 || (hidden > 0 && !dots))
    return FALSE;
  gonio_shape_strides (shape, strides);
  for (const char *c = term; *c; c++) {
    int label = c == dots ? LABELS - hidden : letter (*c), n = c == dots ? hidden : 1;
    if (c == dots) {
      c += 2;
      labels->hidden = MAX (labels->hidden, hidden);
    }
    for (int k = 0; k < n; k++, d++) {
      if (label < 0)
        return FALSE;
      gint64 *size = &labels->sizes[label + k];
      if (*size > 1 && shape->dims[d] != 1 && shape->dims[d] != *size)
        return FALSE;
      *size = *size > 1 ? *size : shape->dims[d];
      labels->uses[label + k]++;
      if (shape->dims[d] != 1)
        labels->steps[o][label + k] += strides[d];
    }
  }
  return TRUE;
}

static gboolean
add_label (Axes *axes, int label)
{
  if (label < 0 || axes->n == MOST)
    return FALSE;
  axes->labels[axes->n++] = label;
  return TRUE;
}

/* Without an arrow: what "..." stands for, then letters that come once. */
static gboolean
read_result (const Labels *labels, const char *term, Axes *kept)
{
  for (int i = LABELS - labels->hidden; !term && i < LABELS; i++)
    if (!add_label (kept, i))
      return FALSE;
  for (int i = 0; !term && i < LETTERS; i++)
    if (labels->uses[i] == 1 && !add_label (kept, i))
      return FALSE;
  for (const char *c = term; c && *c; c++) {
    gboolean dots = g_str_has_prefix (c, "...");
    for (int i = LABELS - labels->hidden; dots && i < LABELS; i++)
      if (!add_label (kept, i))
        return FALSE;
    int label = letter (*c);
    if (!dots && (label < 0 || labels->uses[label] == 0 || !add_label (kept, label)))
      return FALSE;
    c += dots ? 2 : 0;
  }
  return TRUE;
}

static const char *
read_einsum (const GonioGraph *graph, const GonioNode *node, Labels *labels, Axes *kept, Axes *gone)
{
  g_auto (GStrv) words = g_strsplit (gonio_node_attr_string (node, "equation", ""), " ", -1);
  g_autofree char *plain = g_strjoinv ("", words);
  g_auto (GStrv) sides = g_strsplit (plain, "->", 2);
  g_auto (GStrv) terms = g_strsplit (sides[0] ? sides[0] : "", ",", -1);
  if (node->n_inputs > 2 || g_strv_length (terms) != node->n_inputs)
    return "only one or two operands are supported";
  for (guint i = 0; i < node->n_inputs; i++) {
    GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, i));
    if (gonio_gl_count (&shape) == 0 || !read_term (labels, terms[i], &shape, i))
      return "a term does not fit its operand, or there are no elements";
  }
  if (!read_result (labels, sides[0] && sides[1] ? sides[1] : NULL, kept))
    return "the result has more than 6 axes, or unknown ones";
  for (int label = 0; label < LABELS; label++) {
    guint times = 0;
    for (int k = 0; k < kept->n; k++)
      times += kept->labels[k] == label;
    if (times > 1)
      return "the result names an axis twice";
    if (times == 0 && labels->uses[label] > 0 && !add_label (gone, label))
      return "more than 6 axes are summed over";
  }
  return NULL;
}

static const char *
einsum_claim (const GonioGraph *graph, const GonioNode *node)
{
  Labels labels = {0};
  Axes kept = {0}, gone = {0};
  return read_einsum (graph, node, &labels, &kept, &gone);
}

static gint64
write_axes (const Labels *labels, const Axes *axes, int *params)
{
  gint64 count = 1;
  for (int k = 0; k < axes->n; k++) {
    params[k] = (int)labels->sizes[axes->labels[k]];
    params[6 + k] = (int)labels->steps[0][axes->labels[k]];
    params[12 + k] = (int)labels->steps[1][axes->labels[k]];
    count *= params[k];
  }
  return count;
}

static gboolean
einsum_lower (GonioGlLower *lower, GError **error)
{
  GonioGlStep step = {.kernel = "einsum.glsl", .n_inputs = lower->node->n_inputs};
  Labels labels = {0};
  Axes kept = {0}, gone = {0};
  (void)read_einsum (lower->graph, lower->node, &labels, &kept, &gone); /* as claimed */
  gint64 last = write_axes (&labels, &kept, step.params) - 1;
  gint64 places = write_axes (&labels, &gone, &step.params[18]);
  step.params[36] = (int)places;
  step.params[37] = (int)last;
  step.reads = 8 * places;
  for (guint i = 0; i < step.n_inputs; i++)
    if (!gonio_gl_read (lower, i, GONIO_GL_PLAIN, &step.inputs[i], error))
      return FALSE;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  step.defines =
      g_strdup_printf ("KEPT %d;GONE %d%s", kept.n, gone.n, step.n_inputs > 1 ? ";TWO 1" : "");
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_einsum[] = {
    {GONIO_OP_EINSUM, einsum_claim, einsum_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
