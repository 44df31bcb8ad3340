/* Random numbers. Depends on family.h. */
#include "core/ops/family.h"

static gboolean
chosen_dtype (const GonioInfer *infer, GonioDType fallback, GonioDType *out, GError **error)
{
  int64_t dtype = gonio_node_attr_int (infer->node, "dtype", 0);
  if (dtype < 0 || dtype >= GONIO_DTYPE_COUNT)
    return gonio_infer_fail (error, "attribute “dtype” is %" G_GINT64_FORMAT ".", dtype);
  *out = dtype ? (GonioDType)dtype : fallback;
  return TRUE;
}

static gboolean
infer_like (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;
  return chosen_dtype (infer, gonio_infer_dtype (infer, 0), &dtype, error) &&
         gonio_infer_set (infer, 0, dtype, gonio_infer_shape (infer, 0), error);
}

static gboolean
infer_random (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;
  guint n = 0;
  const int64_t *dims = gonio_node_attr_ints (infer->node, "shape", &n);

  if (n > GONIO_MAX_RANK)
    return gonio_infer_fail (error, "its shape has %u dimensions.", n);
  GonioSymShape shape = gonio_sym_rank ((int)n);
  for (guint d = 0; d < n; d++) {
    if (dims[d] < 0)
      return gonio_infer_fail (error, "its shape holds %" G_GINT64_FORMAT ".", dims[d]);
    shape.dims[d] = GONIO_DIM (dims[d]);
  }
  return chosen_dtype (infer, GONIO_DTYPE_FLOAT, &dtype, error) &&
         gonio_infer_set (infer, 0, dtype, &shape, error);
}

static gboolean
infer_multinomial (GonioInfer *infer, GError **error)
{
  GonioDType dtype = GONIO_DTYPE_NONE;
  int64_t samples = gonio_node_attr_int (infer->node, "sample_size", 1);
  GonioSymShape shape = gonio_sym_rank (2);

  if (samples < 1)
    return gonio_infer_fail (error, "sample_size is %" G_GINT64_FORMAT ".", samples);
  shape.dims[0] = gonio_infer_dim (infer, 0, 0);
  shape.dims[1] = GONIO_DIM (samples);
  return gonio_infer_need_rank (infer, 0, 2, 2, error) &&
         chosen_dtype (infer, GONIO_DTYPE_INT32, &dtype, error) &&
         gonio_infer_set (infer, 0, dtype, &shape, error);
}

/* Inputs: data, ratio, whether anything is dropped at all; outputs: result, what was kept. */
static gboolean
infer_dropout (GonioInfer *infer, GError **error)
{
  return gonio_infer_same (infer, error) &&
         gonio_infer_set (infer, 1, GONIO_DTYPE_BOOL, gonio_infer_shape (infer, 0), error);
}

#define DTYPE_SEED                                                                                 \
  {"dtype", GONIO_ATTR_INT, FALSE},                                                                \
  {                                                                                                \
    "seed", GONIO_ATTR_FLOAT, FALSE                                                                \
  }

static const GonioAttrSchema attrs_seed[] = {DTYPE_SEED, {0}};
static const GonioAttrSchema attrs_dropout[] = {{"seed", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_multinomial[] = {
    DTYPE_SEED, {"sample_size", GONIO_ATTR_INT, FALSE}, {0}};
static const GonioAttrSchema attrs_normal[] = {DTYPE_SEED,
                                               {"mean", GONIO_ATTR_FLOAT, FALSE},
                                               {"scale", GONIO_ATTR_FLOAT, FALSE},
                                               {"shape", GONIO_ATTR_INTS, FALSE},
                                               {0}};
static const GonioAttrSchema attrs_uniform[] = {DTYPE_SEED,
                                                {"high", GONIO_ATTR_FLOAT, FALSE},
                                                {"low", GONIO_ATTR_FLOAT, FALSE},
                                                {"shape", GONIO_ATTR_INTS, FALSE},
                                                {0}};

#define IMPURE GONIO_OPF_IMPURE
#define EXACT  GONIO_TOLERANCE_EXACT

const GonioOpDef gonio_ops_random[] = {
    {GONIO_OP_BERNOULLI, 1, 1, 1, 1, IMPURE, 0, EXACT, attrs_seed, infer_like},
    {GONIO_OP_DROPOUT, 1, 3, 1, 2, IMPURE, 0, GONIO_TOLERANCE_ROUNDING, attrs_dropout,
     infer_dropout},
    {GONIO_OP_MULTINOMIAL, 1, 1, 1, 1, IMPURE, 0, EXACT, attrs_multinomial, infer_multinomial},
    {GONIO_OP_RANDOM_NORMAL, 0, 0, 1, 1, IMPURE, 0, EXACT, attrs_normal, infer_random},
    {GONIO_OP_RANDOM_NORMAL_LIKE, 1, 1, 1, 1, IMPURE, 0, EXACT, attrs_normal, infer_like},
    {GONIO_OP_RANDOM_UNIFORM, 0, 0, 1, 1, IMPURE, 0, EXACT, attrs_uniform, infer_random},
    {GONIO_OP_RANDOM_UNIFORM_LIKE, 1, 1, 1, 1, IMPURE, 0, EXACT, attrs_uniform, infer_like},
    {.id = GONIO_OP_INVALID},
};
