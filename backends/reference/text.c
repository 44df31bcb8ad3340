/* Strings: concatenation, splitting, normalising, matching, n-gram counting.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <string.h>

static gboolean
run_string_concat (GonioKernel *k, GError **error)
{
  g_auto (RefBroadcast) b = {0};
  GonioTensor *y;

  if (!ref_broadcast_init (&b, k->inputs, 2, error))
    return FALSE;
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &b.shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b))
    for (int64_t c = 0; c < b.row; c++) {
      g_autofree char *text =
          g_strconcat (gonio_tensor_string (k->inputs[0], b.offset[0] + c * b.step[0]),
                       gonio_tensor_string (k->inputs[1], b.offset[1] + c * b.step[1]), NULL);

      gonio_tensor_set_string (y, at++, text);
    }
  return TRUE;
}

/* ---- StringSplit ---- */

/* Without a delimiter: at runs of white space, none at either end. limit: splits, -1: all. */
static GPtrArray *
split (const char *text, const char *delimiter, int64_t limit)
{
  GPtrArray *parts = g_ptr_array_new_with_free_func (g_free);
  gboolean at_space = *delimiter == '\0';
  const char *end;

  for (;; text = end) {
    while (at_space && g_ascii_isspace (*text))
      text++;
    if (at_space && *text == '\0')
      break;
    end = limit >= 0 && (int64_t)parts->len >= limit ? NULL : text;
    if (end != NULL && at_space)
      while (*end != '\0' && !g_ascii_isspace (*end))
        end++;
    else if (end != NULL)
      end = strstr (text, delimiter);
    if (end == NULL) {
      g_ptr_array_add (parts, g_strdup (text));
      break;
    }
    g_ptr_array_add (parts, g_strndup (text, (gsize)(end - text)));
    end += strlen (delimiter);
  }
  return parts;
}

static gboolean
run_string_split (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y, *counts;
  const char *delimiter = ref_attr_string (k, "delimiter", "");
  int64_t limit = ref_attr_int (k, "maxsplit", -1), n = gonio_tensor_count (x), widest = 0;
  GonioShape shape = *gonio_tensor_shape (x);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);

  if (shape.rank >= GONIO_MAX_RANK || n > G_MAXINT)
    return ref_bad_shape (error, "the input is too large to split");
  for (int64_t i = 0; i < n; i++) {
    GPtrArray *parts = split (gonio_tensor_string (x, i), delimiter, limit);

    g_ptr_array_add (rows, parts);
    widest = MAX (widest, (int64_t)parts->len);
  }
  shape.dims[shape.rank++] = widest;
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < n; i++) {
    const GPtrArray *parts = rows->pdata[i];

    for (int64_t j = 0; j < widest; j++)
      gonio_tensor_set_string (y, i * widest + j, j < (int64_t)parts->len ? parts->pdata[j] : "");
  }
  if (!ref_wants (k, 1))
    return TRUE;
  counts = ref_output (k, 1, GONIO_DTYPE_INT64, gonio_tensor_shape (x), error);
  if (counts == NULL)
    return FALSE;
  for (int64_t i = 0; i < n; i++)
    ((int64_t *)gonio_tensor_writable_data (counts))[i] = ((const GPtrArray *)rows->pdata[i])->len;
  return TRUE;
}

/* ---- StringNormalizer ---- */

/* case: 'L', 'U' or 'N'. (transfer full) */
static char *
change_case (const char *text, char change)
{
  if (change == 'N' || !g_utf8_validate (text, -1, NULL))
    return g_strdup (text);
  return change == 'L' ? g_utf8_strdown (text, -1) : g_utf8_strup (text, -1);
}

static gboolean
run_string_normalizer (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  const char *action = ref_attr_string (k, "case_change_action", "NONE");
  gboolean sensitive = ref_attr_int (k, "is_case_sensitive", 0) != 0;
  const GonioAttr *words = gonio_node_attr (k->node, "stopwords");
  g_autoptr (GHashTable) stop = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);

  if (!g_str_equal (action, "NONE") && !g_str_equal (action, "LOWER") &&
      !g_str_equal (action, "UPPER"))
    return ref_bad_value (error, "case_change_action is \"%s\"", action);
  if (shape.rank < 1 || shape.rank > 2 || (shape.rank == 2 && shape.dims[0] != 1))
    return ref_bad_shape (error, "input must be a list or a single row");
  for (size_t i = 0; words != NULL && words->type == GONIO_ATTR_STRINGS && i < words->count; i++)
    g_hash_table_add (stop, change_case (words->strings[i], sensitive ? 'N' : 'L'));
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    const char *text = gonio_tensor_string (x, i);
    g_autofree char *key = change_case (text, sensitive ? 'N' : 'L');

    if (!g_hash_table_contains (stop, key))
      g_ptr_array_add (kept, change_case (text, *action));
  }
  if (kept->len == 0 && gonio_tensor_count (x) > 0)
    g_ptr_array_add (kept, g_strdup (""));
  shape.dims[shape.rank - 1] = kept->len;
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &shape, error);
  if (y == NULL)
    return FALSE;
  for (guint i = 0; i < kept->len; i++)
    gonio_tensor_set_string (y, i, kept->pdata[i]);
  return TRUE;
}

/* ---- RegexFullMatch ---- */

static gboolean
run_regex (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  g_autofree char *pattern = g_strdup_printf ("\\A(?:%s)\\z", ref_attr_string (k, "pattern", ""));
  g_autoptr (GRegex) regex = NULL;
  g_autoptr (GError) local = NULL;

  regex = g_regex_new (pattern, G_REGEX_DOLLAR_ENDONLY, 0, &local);
  if (regex == NULL)
    return ref_bad_value (error, "pattern \"%s\": %s", ref_attr_string (k, "pattern", ""),
                          local->message);
  y = ref_output (k, 0, GONIO_DTYPE_BOOL, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    const char *text = gonio_tensor_string (x, i);
    gboolean hit = FALSE;

    if (g_utf8_validate (text, -1, NULL))
      hit = g_regex_match_full (regex, text, -1, 0, 0, NULL, &local);
    if (local != NULL)
      return ref_bad_value (error, "element %" G_GINT64_FORMAT ": %s", i, local->message);
    ((uint8_t *)gonio_tensor_writable_data (y))[i] = hit ? 1 : 0;
  }
  return TRUE;
}

/* ---- TfIdfVectorizer ---- */

/* n-grams are looked up by their elements joined with a separator no element holds. */
typedef struct {
  const GonioTensor *x;
  int64_t min, max, skips;
  const int64_t *indexes;
  guint n_indexes;
  GHashTable *grams; /* char* -> id + 1 */
  int64_t size;      /* columns */
} Vectorizer;

#define SEPARATOR '\x1f'

static gboolean
add_grams (Vectorizer *v, const GonioKernel *k, GError **error)
{
  const GonioAttr *strings = gonio_node_attr (k->node, "pool_strings");
  guint n_counts, n_ints;
  const int64_t *counts = gonio_node_attr_ints (k->node, "ngram_counts", &n_counts);
  const int64_t *ints = gonio_node_attr_ints (k->node, "pool_int64s", &n_ints);
  gboolean by_text = strings != NULL && strings->type == GONIO_ATTR_STRINGS && strings->count > 0;
  int64_t items = by_text ? (int64_t)strings->count : n_ints, id = 0;

  for (guint c = 0; c < n_counts; c++) {
    int64_t end = c + 1 < n_counts ? counts[c + 1] : items, length = (int64_t)c + 1;

    if (counts[c] < 0 || counts[c] > end || end > items || (end - counts[c]) % length != 0)
      return ref_bad_value (
          error, "ngram_counts does not fit the pool of %" G_GINT64_FORMAT " items", items);
    for (int64_t at = counts[c]; at < end; at += length, id++) {
      g_autoptr (GString) key = g_string_new (NULL);

      for (int64_t i = at; i < at + length; i++) {
        if (by_text)
          g_string_append (key, strings->strings[i]);
        else
          g_string_append_printf (key, "%" G_GINT64_FORMAT, ints[i]);
        g_string_append_c (key, SEPARATOR);
      }
      if (length >= v->min && length <= v->max)
        g_hash_table_insert (v->grams, g_strdup (key->str), GSIZE_TO_POINTER ((gsize)id + 1));
    }
  }
  if (id > v->n_indexes)
    return ref_bad_value (error, "%u indexes for %" G_GINT64_FORMAT " n-grams", v->n_indexes, id);
  return TRUE;
}

static void
append_element (const GonioTensor *x, int64_t i, GString *key)
{
  if (gonio_tensor_dtype (x) == GONIO_DTYPE_STRING)
    g_string_append (key, gonio_tensor_string (x, i));
  else
    g_string_append_printf (key, "%" G_GINT64_FORMAT, gonio_tensor_get_int (x, i));
  g_string_append_c (key, SEPARATOR);
}

/* Counts the n-grams of one row of n elements; single elements once, whatever the skip. */
static void
count_row (const Vectorizer *v, int64_t from, int64_t n, double *counts)
{
  for (int64_t skip = 1; skip <= MIN (v->skips + 1, n); skip++)
    for (int64_t start = 0; start < n; start++) {
      g_autoptr (GString) key = g_string_new (NULL);

      for (int64_t length = 1; length <= v->max; length++) {
        int64_t last = start + (length - 1) * skip;
        gsize id;

        if (last >= n)
          break;
        append_element (v->x, from + last, key);
        if (length < v->min || (length == 1 && skip > 1))
          continue;
        id = GPOINTER_TO_SIZE (g_hash_table_lookup (v->grams, key->str));
        if (id > 0)
          counts[v->indexes[id - 1]] += 1;
      }
    }
}

static gboolean
vectorizer_init (Vectorizer *v, const GonioKernel *k, GError **error)
{
  v->x = k->inputs[0];
  v->min = ref_attr_int (k, "min_gram_length", 1);
  v->max = ref_attr_int (k, "max_gram_length", 1);
  v->skips = ref_attr_int (k, "max_skip_count", 0);
  v->indexes = gonio_node_attr_ints (k->node, "ngram_indexes", &v->n_indexes);
  if (v->min < 1 || v->max < v->min || v->skips < 0 || v->skips > G_MAXINT32 || v->max > G_MAXINT32)
    return ref_bad_value (error,
                          "gram lengths %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                          " with %" G_GINT64_FORMAT " skips",
                          v->min, v->max, v->skips);
  for (guint i = 0; i < v->n_indexes; i++) {
    if (v->indexes[i] < 0 || v->indexes[i] > G_MAXINT32)
      return ref_bad_value (error, "ngram_indexes holds %" G_GINT64_FORMAT, v->indexes[i]);
    v->size = MAX (v->size, v->indexes[i] + 1);
  }
  return add_grams (v, k, error);
}

static gboolean
run_tf_idf (GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  const char *mode = ref_attr_string (k, "mode", "TF");
  g_autoptr (GHashTable) grams = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Vectorizer v = {.grams = grams};
  int64_t rows = x->rank == 2 ? x->dims[0] : 1, n = x->rank > 0 ? x->dims[x->rank - 1] : 1;
  guint n_weights;
  const float *weights = gonio_node_attr_floats (k->node, "weights", &n_weights);
  g_autofree double *counts = NULL;
  GonioTensor *y;

  if (!g_str_equal (mode, "TF") && !g_str_equal (mode, "IDF") && !g_str_equal (mode, "TFIDF"))
    return ref_bad_value (error, "mode is \"%s\"", mode);
  if (x->rank > 2 || !vectorizer_init (&v, k, error))
    return x->rank > 2 ? ref_bad_shape (error, "input has rank %d", x->rank) : FALSE;
  y = ref_output (k, 0, GONIO_DTYPE_FLOAT,
                  x->rank == 2 ? REF_SHAPE (rows, v.size) : REF_SHAPE (v.size), error);
  counts = y != NULL ? ref_alloc (v.size, sizeof *counts, error) : NULL;
  if (counts == NULL)
    return FALSE;
  for (int64_t r = 0; v.size > 0 && r < rows; r++) {
    memset (counts, 0, (size_t)v.size * sizeof *counts);
    if (gonio_tensor_count (v.x) > 0)
      count_row (&v, r * n, n, counts);
    for (int64_t i = 0; i < v.size; i++) {
      double weight = weights != NULL && i < n_weights ? weights[i] : 1;

      if (g_str_equal (mode, "IDF"))
        counts[i] = counts[i] > 0 ? weight : 0;
      else if (g_str_equal (mode, "TFIDF"))
        counts[i] *= weight;
    }
    ref_store_f64 (y, r * v.size, v.size, counts);
  }
  return TRUE;
}

#define TEXT                                                                                       \
  {                                                                                                \
    REF_T (STRING)                                                                                 \
  }

const RefRow ref_rows_text[] = {
    {GONIO_OP_REGEX_FULL_MATCH, run_regex, NULL, TEXT, 0, 0},
    {GONIO_OP_STRING_CONCAT, run_string_concat, NULL, TEXT, 0, 0},
    {GONIO_OP_STRING_NORMALIZER, run_string_normalizer, NULL, TEXT, 0, 0},
    {GONIO_OP_STRING_SPLIT, run_string_split, NULL, TEXT, 0, 0},
    {GONIO_OP_TF_IDF_VECTORIZER, run_tf_idf, NULL, {REF_T (STRING) | REF_INDEX}, 0, 0},
    {0},
};
