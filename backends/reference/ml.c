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

/* From a key's text or code to its place + 1; a later key replaces an equal one. */
static GHashTable *
index_keys (const GonioTensor *keys, const int64_t *codes)
{
  GHashTable *index = codes ? g_hash_table_new (g_int64_hash, g_int64_equal)
                            : g_hash_table_new (g_str_hash, g_str_equal);

  for (int64_t i = 0; i < gonio_tensor_count (keys); i++)
    g_hash_table_replace (index,
                          codes ? (gpointer)&codes[i] : (gpointer)gonio_tensor_string (keys, i),
                          GSIZE_TO_POINTER ((gsize)i + 1));
  return index;
}

static gboolean
run_label_encoder (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *keys = k->inputs[1], *values = k->inputs[2], *y;
  gboolean is_text = gonio_tensor_dtype (x) == GONIO_DTYPE_STRING;
  g_autofree int64_t *codes = NULL;
  g_autoptr (GHashTable) index = NULL;

  if (gonio_tensor_count (keys) != gonio_tensor_count (values))
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " keys and %" G_GINT64_FORMAT " values",
                          gonio_tensor_count (keys), gonio_tensor_count (values));
  if (gonio_tensor_count (k->inputs[3]) != 1)
    return ref_bad_shape (error, "the default is not one element");
  y = ref_output (k, 0, gonio_tensor_dtype (values), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  if (!is_text) {
    codes = ref_alloc (gonio_tensor_count (keys), sizeof *codes, error);
    if (codes == NULL)
      return FALSE;
    load_codes (keys, 0, gonio_tensor_count (keys), codes);
  }
  index = index_keys (keys, codes);
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    int64_t code = 0;
    gsize place;

    if (!is_text)
      load_codes (x, i, 1, &code);
    place = GPOINTER_TO_SIZE (
        g_hash_table_lookup (index, is_text ? (gconstpointer)gonio_tensor_string (x, i) : &code));
    ref_copy (y, i, place > 0 ? values : k->inputs[3], place > 0 ? (int64_t)place - 1 : 0, 1);
  }
  return TRUE;
}

#define LABELS (REF_NUMBERS | REF_T (STRING))

const RefRow ref_rows_ml[] = {
    {GONIO_OP_LABEL_ENCODER, run_label_encoder, NULL, {LABELS, LABELS, REF_ANY}, 0x3, 0},
    {0},
};
