/* Strings. Depends on family.h. */
#include "core/ops/family.h"

static gboolean
infer_regex (GonioInfer *infer, GError **error)
{
  return gonio_infer_set (infer, 0, GONIO_DTYPE_BOOL, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_string_concat (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  return gonio_sym_broadcast (gonio_infer_shape (infer, 0), gonio_infer_shape (infer, 1), &shape,
                              error) &&
         gonio_infer_set (infer, 0, GONIO_DTYPE_STRING, &shape, error);
}

/* Stop words are dropped: the number that stays depends on the data. */
static gboolean
infer_string_normalizer (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  guint n_words = 0;
  const GonioAttr *words = gonio_node_attr (infer->node, "stopwords");

  n_words = words && words->type == GONIO_ATTR_STRINGS ? (guint)words->count : 0;
  if (!gonio_infer_need_rank (infer, 0, 1, 2, error))
    return FALSE;
  if (shape.has_rank && n_words > 0)
    shape.dims[shape.rank - 1] = GONIO_DIM_UNKNOWN;
  return gonio_infer_set (infer, 0, GONIO_DTYPE_STRING, &shape, error);
}

static gboolean
infer_string_split (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);

  if (shape.has_rank) {
    if (shape.rank >= GONIO_MAX_RANK)
      return gonio_infer_fail (error, "its result would have %d dimensions.", shape.rank + 1);
    shape.dims[shape.rank++] = GONIO_DIM_UNKNOWN;
  }
  return gonio_infer_set (infer, 0, GONIO_DTYPE_STRING, &shape, error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_INT64, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_tf_idf (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);
  guint n = 0;
  const int64_t *indexes = gonio_node_attr_ints (infer->node, "ngram_indexes", &n);
  int64_t size = 0;

  for (guint i = 0; i < n; i++) {
    if (indexes[i] < 0 || indexes[i] >= GONIO_MAX_DIM)
      return gonio_infer_fail (error, "ngram_indexes holds %" G_GINT64_FORMAT ".", indexes[i]);
    size = MAX (size, indexes[i] + 1);
  }
  if (!gonio_infer_need_rank (infer, 0, 0, 2, error))
    return FALSE;
  if (shape.has_rank) {
    shape.rank = MAX (shape.rank, 1);
    shape.dims[shape.rank - 1] = GONIO_DIM (size);
  }
  return gonio_infer_set (infer, 0, GONIO_DTYPE_FLOAT, &shape, error);
}

static const GonioAttrSchema attrs_regex[] = {{"pattern", GONIO_ATTR_STRING, FALSE}, {0}};
static const GonioAttrSchema attrs_normalizer[] = {
    {"case_change_action", GONIO_ATTR_STRING, FALSE},
    {"is_case_sensitive", GONIO_ATTR_INT, FALSE},
    {"locale", GONIO_ATTR_STRING, FALSE},
    {"stopwords", GONIO_ATTR_STRINGS, FALSE},
    {0},
};
static const GonioAttrSchema attrs_split[] = {
    {"delimiter", GONIO_ATTR_STRING, FALSE}, {"maxsplit", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_tf_idf[] = {
    {"max_gram_length", GONIO_ATTR_INT, TRUE}, {"max_skip_count", GONIO_ATTR_INT, TRUE},
    {"min_gram_length", GONIO_ATTR_INT, TRUE}, {"mode", GONIO_ATTR_STRING, TRUE},
    {"ngram_counts", GONIO_ATTR_INTS, TRUE},   {"ngram_indexes", GONIO_ATTR_INTS, TRUE},
    {"pool_int64s", GONIO_ATTR_INTS, FALSE},   {"pool_strings", GONIO_ATTR_STRINGS, FALSE},
    {"weights", GONIO_ATTR_FLOATS, FALSE},     {0},
};

#define EXACT   GONIO_TOLERANCE_EXACT
#define DYNAMIC GONIO_OPF_DYNAMIC

const GonioOpDef gonio_ops_text[] = {
    {GONIO_OP_REGEX_FULL_MATCH, 1, 1, 1, 1, GONIO_OPF_ELEMENTWISE, 0, EXACT, attrs_regex,
     infer_regex},
    {GONIO_OP_STRING_CONCAT, 2, 2, 1, 1, GONIO_OPF_ELEMENTWISE, 0, EXACT, NULL,
     infer_string_concat},
    {GONIO_OP_STRING_NORMALIZER, 1, 1, 1, 1, DYNAMIC, 0, EXACT, attrs_normalizer,
     infer_string_normalizer},
    {GONIO_OP_STRING_SPLIT, 1, 1, 1, 2, DYNAMIC, 0, EXACT, attrs_split, infer_string_split},
    {GONIO_OP_TF_IDF_VECTORIZER, 1, 1, 1, 1, 0, 0, GONIO_TOLERANCE_ROUNDING, attrs_tf_idf,
     infer_tf_idf},
    {.id = GONIO_OP_INVALID},
};
