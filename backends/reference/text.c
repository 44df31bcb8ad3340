/* Strings: concatenation, splitting, normalising, matching, n-gram counting.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"
#include "core/base/text-hash.h"

#include <string.h>

static gboolean
run_string_concat (GonioKernel *k, GError **error)
{
  const GonioTensor *left = k->inputs[0], *right = k->inputs[1];
  g_auto (RefBroadcast) b = {0};
  GonioTensor *y;

  if (!ref_broadcast_init (&b, k->inputs, 2, error))
    return FALSE;
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &b.shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b))
    for (int64_t c = 0; c < b.row; c++, at++) {
      int64_t i = b.offset[0] + c * b.step[0], j = b.offset[1] + c * b.step[1];
      size_t head = gonio_tensor_string_length (left, i);
      size_t tail = gonio_tensor_string_length (right, j);
      char *text = gonio_tensor_new_string (y, at, head + tail, error);

      if (text == NULL)
        return FALSE;
      memcpy (text, gonio_tensor_string (left, i), head);
      memcpy (text + head, gonio_tensor_string (right, j), tail);
    }
  return TRUE;
}

/* ---- StringSplit ---- */

/* The parts of a text one after the other. Without a delimiter: at runs of white space, none at
 * either end. */
typedef struct {
  const char *text; /* what is left; NULL at the end */
  const char *delimiter;
  int64_t left; /* splits, -1: any number */
} Parts;

static gboolean
parts_next (Parts *parts, const char **out_part, size_t *out_length)
{
  gboolean at_space = *parts->delimiter == '\0';
  const char *text = parts->text, *end;

  while (text != NULL && at_space && g_ascii_isspace (*text))
    text++;
  if (text == NULL || (at_space && *text == '\0'))
    return FALSE;
  end = parts->left == 0 ? NULL : text;
  if (end != NULL && at_space)
    while (*end != '\0' && !g_ascii_isspace (*end))
      end++;
  else if (end != NULL)
    end = strstr (text, parts->delimiter);
  *out_part = text;
  *out_length = end != NULL ? (size_t)(end - text) : strlen (text);
  parts->text = end != NULL ? end + strlen (parts->delimiter) : NULL;
  parts->left -= parts->left > 0;
  return TRUE;
}

static Parts
parts_of (const GonioKernel *k, int64_t i)
{
  return (Parts){.text = gonio_tensor_string (k->inputs[0], i),
                 .delimiter = ref_attr_string (k, "delimiter", ""),
                 .left = MAX (ref_attr_int (k, "maxsplit", -1), -1)};
}

static gboolean
write_parts (const GonioKernel *k, GonioTensor *y, int64_t widest, GError **error)
{
  const char *part;
  size_t length;

  for (int64_t i = 0; i < gonio_tensor_count (k->inputs[0]); i++) {
    Parts parts = parts_of (k, i);

    for (int64_t j = 0; parts_next (&parts, &part, &length); j++) {
      char *text = gonio_tensor_new_string (y, i * widest + j, length, error);

      if (text == NULL)
        return FALSE;
      memcpy (text, part, length);
    }
  }
  return TRUE;
}

static gboolean
run_string_split (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y, *counts;
  int64_t n = gonio_tensor_count (x), widest = 0;
  GonioShape shape = *gonio_tensor_shape (x);
  g_autofree int64_t *found = ref_alloc0 (n, sizeof *found, error);
  const char *part;
  size_t length;

  if (shape.rank >= GONIO_MAX_RANK || found == NULL)
    return found == NULL ? FALSE : ref_bad_shape (error, "the input has too many dimensions");
  for (int64_t i = 0; i < n; i++) {
    for (Parts parts = parts_of (k, i); parts_next (&parts, &part, &length);)
      found[i]++;
    widest = MAX (widest, found[i]);
  }
  shape.dims[shape.rank++] = widest;
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &shape, error);
  if (y == NULL || !write_parts (k, y, widest, error))
    return FALSE;
  if (!ref_wants (k, 1))
    return TRUE;
  counts = ref_output (k, 1, GONIO_DTYPE_INT64, gonio_tensor_shape (x), error);
  if (counts == NULL)
    return FALSE;
  if (n > 0)
    memcpy (gonio_tensor_writable_data (counts), found, (size_t)n * sizeof *found);
  return TRUE;
}

/* ---- StringNormalizer ---- */

/* Changing case makes a text at most three times as long; GLib takes that memory without asking. */
#define CASE_GROWTH 3

/* case: 'L', 'U' or 'N'. (transfer full) */
static char *
change_case (const char *text, char change, GError **error)
{
  size_t length = strlen (text);

  if (!gonio_expect (CASE_GROWTH * length + 1, "a text", error))
    return NULL;
  if (change == 'N' || !g_utf8_validate (text, -1, NULL))
    return g_strdup (text);
  return change == 'L' ? g_utf8_strdown (text, -1) : g_utf8_strup (text, -1);
}

static gboolean
read_stop_words (const GonioKernel *k, char change, GHashTable *stop, GError **error)
{
  const GonioAttr *words = gonio_node_attr (k->node, "stopwords");

  for (size_t i = 0; words != NULL && words->type == GONIO_ATTR_STRINGS && i < words->count; i++) {
    char *word = change_case (words->strings[i], change, error);

    if (word == NULL)
      return FALSE;
    g_hash_table_add (stop, word);
  }
  return TRUE;
}

/* Marks the elements that are no stop words. */
static gboolean
find_kept (const GonioKernel *k, uint8_t *keep, int64_t *out_n, GError **error)
{
  GonioTensor *x = k->inputs[0];
  char change = ref_attr_int (k, "is_case_sensitive", 0) != 0 ? 'N' : 'L';
  g_autoptr (GHashTable) stop = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);

  *out_n = 0;
  if (!read_stop_words (k, change, stop, error))
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    g_autofree char *key = change_case (gonio_tensor_string (x, i), change, error);

    if (key == NULL)
      return FALSE;
    keep[i] = !g_hash_table_contains (stop, key);
    *out_n += keep[i];
  }
  return TRUE;
}

static gboolean
run_string_normalizer (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  const char *action = ref_attr_string (k, "case_change_action", "NONE");
  g_autofree uint8_t *keep = NULL;
  int64_t n;

  if (!g_str_equal (action, "NONE") && !g_str_equal (action, "LOWER") &&
      !g_str_equal (action, "UPPER"))
    return ref_bad_value (error, "case_change_action is \"%s\"", action);
  if (shape.rank < 1 || shape.rank > 2 || (shape.rank == 2 && shape.dims[0] != 1))
    return ref_bad_shape (error, "input must be a list or a single row");
  keep = ref_alloc (gonio_tensor_count (x), 1, error);
  if (keep == NULL || !find_kept (k, keep, &n, error))
    return FALSE;
  /* When nothing is left the result is one empty text. */
  shape.dims[shape.rank - 1] = MAX (n, MIN (gonio_tensor_count (x), 1));
  y = ref_output (k, 0, GONIO_DTYPE_STRING, &shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0, at = 0; i < gonio_tensor_count (x); i++) {
    g_autofree char *text =
        keep[i] ? change_case (gonio_tensor_string (x, i), *action, error) : NULL;

    if (keep[i] && (text == NULL || !gonio_tensor_set_string (y, at++, text, error)))
      return FALSE;
  }
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
  gsize longest;     /* bytes of one of them */
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
      if (length < v->min || length > v->max)
        continue;
      v->longest = MAX (v->longest, key->len);
      g_hash_table_insert (v->grams, g_strdup (key->str), GSIZE_TO_POINTER ((gsize)id + 1));
    }
  }
  if (id > v->n_indexes)
    return ref_bad_value (error, "%u indexes for %" G_GINT64_FORMAT " n-grams", v->n_indexes, id);
  return TRUE;
}

/* Of what append_element() adds, at least. */
static gsize
element_length (const GonioTensor *x, int64_t i)
{
  return gonio_tensor_dtype (x) == GONIO_DTYPE_STRING ? gonio_tensor_string_length (x, i) + 1 : 2;
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
static gboolean
count_row (const Vectorizer *v, int64_t from, int64_t n, double *counts, GCancellable *cancellable,
           GError **error)
{
  for (int64_t skip = 1; skip <= MIN (v->skips + 1, n); skip++)
    for (int64_t start = 0; start < n; start++) {
      g_autoptr (GString) key = g_string_new (NULL);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      for (int64_t length = 1; length <= v->max; length++) {
        int64_t last = start + (length - 1) * skip;
        gsize id;

        /* No element that fits is longer than the longest n-gram. */
        if (last >= n || key->len + element_length (v->x, from + last) > v->longest)
          break;
        append_element (v->x, from + last, key);
        if (length < v->min || (length == 1 && skip > 1))
          continue;
        id = GPOINTER_TO_SIZE (g_hash_table_lookup (v->grams, key->str));
        if (id > 0)
          counts[v->indexes[id - 1]] += 1;
      }
    }
  return TRUE;
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
  g_autoptr (GHashTable) grams = g_hash_table_new_full (gonio_text_hash, g_str_equal, g_free, NULL);
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
    if (gonio_tensor_count (v.x) > 0 && !count_row (&v, r * n, n, counts, k->cancellable, error))
      return FALSE;
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
