/* Operators of ai.onnx.ml. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

/* ---- LabelEncoder ---- */

/* Numbers compare as 64 bits: integers as they are, reals as double with one zero and one NaN,
 * which stands for all others. */
static void
load_codes (const GonioTensor *x, int64_t at, int64_t n, int64_t *out)
{
  if (ref_form (gonio_tensor_dtype (x)) != REF_FORM_FLOAT) {
    ref_load_i64 (x, at, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    double value = 0;

    ref_load_f64 (x, at + i, 1, &value);
    value = isnan (value) ? (double)NAN : value == 0 ? 0 : value;
    memcpy (&out[i], &value, sizeof value);
  }
}

/* Keys in order, so that a file cannot choose keys that are slow to find. */
typedef struct {
  const GonioTensor *keys;
  const int64_t *codes; /* NULL: the keys are texts */
  int64_t *order;       /* places of the keys, sorted; of equal ones the last comes first */
} Index;

/* Key at a place against a text or code. */
static int
compare_key (const Index *index, int64_t place, const char *text, int64_t code)
{
  if (index->codes == NULL)
    return strcmp (gonio_tensor_string (index->keys, place), text);
  return (index->codes[place] > code) - (index->codes[place] < code);
}

static int
compare_places (gconstpointer a, gconstpointer b, gpointer data)
{
  const Index *index = data;
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  int order = index->codes != NULL
                  ? compare_key (index, x, "", index->codes[y])
                  : compare_key (index, x, gonio_tensor_string (index->keys, y), 0);

  return order != 0 ? order : (x < y) - (x > y);
}

/* The last key that is equal; -1 when there is none. */
static int64_t
index_find (const Index *index, const char *text, int64_t code)
{
  int64_t low = 0, high = gonio_tensor_count (index->keys);

  while (low < high) {
    int64_t middle = low + (high - low) / 2;

    if (compare_key (index, index->order[middle], text, code) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < gonio_tensor_count (index->keys) &&
                 compare_key (index, index->order[low], text, code) == 0
             ? index->order[low]
             : -1;
}

static gboolean
run_label_encoder (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *keys = k->inputs[1], *values = k->inputs[2], *y;
  gboolean is_text = gonio_tensor_dtype (x) == GONIO_DTYPE_STRING;
  int64_t n = gonio_tensor_count (keys);
  g_autofree int64_t *codes = NULL;
  g_autofree int64_t *order = NULL;

  if (n != gonio_tensor_count (values))
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " keys and %" G_GINT64_FORMAT " values", n,
                          gonio_tensor_count (values));
  if (gonio_tensor_count (k->inputs[3]) != 1)
    return ref_bad_shape (error, "the default is not one element");
  y = ref_output (k, 0, gonio_tensor_dtype (values), gonio_tensor_shape (x), error);
  order = y != NULL ? ref_alloc (n, sizeof *order, error) : NULL;
  codes = order != NULL && !is_text ? ref_alloc (n, sizeof *codes, error) : NULL;
  if (order == NULL || (codes == NULL && !is_text))
    return FALSE;
  Index index = {keys, codes, order};
  if (!is_text)
    load_codes (keys, 0, n, codes);
  for (int64_t i = 0; i < n; i++)
    order[i] = i;
  if (n > 1)
    qsort_r (order, (size_t)n, sizeof *order, compare_places, &index);
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    int64_t code = 0, place;

    if (!is_text)
      load_codes (x, i, 1, &code);
    place = index_find (&index, is_text ? gonio_tensor_string (x, i) : "", code);
    ref_copy (y, i, place >= 0 ? values : k->inputs[3], MAX (place, 0), 1);
  }
  return TRUE;
}

#define LABELS (REF_NUMBERS | REF_T (STRING))

const RefRow ref_rows_ml[] = {
    {GONIO_OP_LABEL_ENCODER, run_label_encoder, NULL, {LABELS, LABELS, REF_ANY}, 0x3, 0},
    {0},
};
