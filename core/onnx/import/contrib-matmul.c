/* Import rows of the quantised matrix products of com.microsoft: integer products that are scaled
 * afterwards, and products with weights of a few bits. Depends on import.h. */
#include "core/onnx/import.h"

#define DOMAIN "com.microsoft"

static const GonioAttrSchema attrs_none[] = {{0}};

static GonioValueId
in_float (GonioImportNode *in, GonioValueId value, const char *hint)
{
  return gonio_import_dtype (in, value) == GONIO_DTYPE_FLOAT
             ? value
             : gonio_import_cast (in, value, GONIO_DTYPE_FLOAT, hint);
}

static gboolean
has_one_element (const GonioImportNode *in, GonioValueId value)
{
  const GonioSymShape *shape = &gonio_graph_value (in->graph, value)->shape;
  return shape->has_rank && (shape->rank == 0 || (shape->rank == 1 && shape->dims[0].value == 1));
}

static gboolean
need_inputs (const GonioImportNode *in, guint least, guint most, guint optional, GError **error)
{
  guint n = in->node->n_inputs;

  if (n < least || n > most)
    return gonio_import_malformed (error, "it has %u inputs; %u to %u are possible.", n, least,
                                   most);
  for (guint i = 0; i < least; i++)
    if (in->node->inputs[i] == GONIO_VALUE_NONE && (optional & 1u << i) == 0)
      return gonio_import_malformed (error, "input %u is missing.", i);
  return TRUE;
}

/* ---- integer products ---- */

typedef struct {
  GonioValueId a, b, a_scale, b_scale, a_zero, b_zero; /* zeros may be NONE */
  GonioValueId c;    /* integers that are added before scaling; may be NONE */
  GonioValueId bias; /* numbers that are added afterwards; may be NONE */
  double alpha;
} Product;

/* (a - a_zero) (b - b_zero) in integers, then scaled, as float. One scale for a, one for b or one
 * per column. */
static GonioValueId
scaled_product (GonioImportNode *in, const Product *p)
{
  guint n = p->b_zero != GONIO_VALUE_NONE ? 4 : p->a_zero != GONIO_VALUE_NONE ? 3 : 2;
  const GonioValueId args[4] = {p->a, p->b, p->a_zero, p->b_zero};
  GonioValueId y = gonio_import_emit (in, GONIO_OP_MATMUL_INTEGER, "integers", args, n, NULL);
  GonioValueId scale =
      gonio_import_binary (in, GONIO_OP_MUL, "scale", in_float (in, p->a_scale, "a_scale"),
                           in_float (in, p->b_scale, "b_scale"));

  if (p->c != GONIO_VALUE_NONE)
    y = gonio_import_binary (in, GONIO_OP_ADD, "sum", y, p->c);
  if (p->alpha != 1)
    scale =
        gonio_import_binary (in, GONIO_OP_MUL, "alpha_scale", scale,
                             gonio_import_const_scalar (in, "alpha", GONIO_DTYPE_FLOAT, p->alpha));
  y = gonio_import_binary (in, GONIO_OP_MUL, "scaled",
                           gonio_import_cast (in, y, GONIO_DTYPE_FLOAT, "real"), scale);
  if (p->bias != GONIO_VALUE_NONE)
    y = gonio_import_binary (in, GONIO_OP_ADD, "biased", y, in_float (in, p->bias, "bias"));
  return y;
}

static gboolean
check_one_scale (const GonioImportNode *in, GonioValueId scale, GonioValueId zero, GError **error)
{
  if (has_one_element (in, scale) && (zero == GONIO_VALUE_NONE || has_one_element (in, zero)))
    return TRUE;
  return gonio_import_unsupported (error, "its first matrix must have one scale and one zero "
                                          "point, known to be so.");
}

/* Inputs: a, b, their scales, their zero points, bias. */
static gboolean
integer_to_float (GonioImportNode *in, GError **error)
{
  Product p = {.a = gonio_import_input (in, 0),
               .b = gonio_import_input (in, 1),
               .a_scale = gonio_import_input (in, 2),
               .b_scale = gonio_import_input (in, 3),
               .a_zero = gonio_import_input (in, 4),
               .b_zero = gonio_import_input (in, 5),
               .c = GONIO_VALUE_NONE,
               .bias = gonio_import_input (in, 6),
               .alpha = 1};

  if (!need_inputs (in, 4, 7, 0, error) || !gonio_import_check_attrs (in, attrs_none, error) ||
      !check_one_scale (in, p.a_scale, p.a_zero, error))
    return FALSE;
  gonio_import_become (in, GONIO_OP_CAST_LIKE, scaled_product (in, &p), p.a_scale);
  return TRUE;
}

/* Inputs: a (numbers, quantised as the whole tensor needs), b, its scale and zero point, bias. */
static gboolean
dynamic_product (GonioImportNode *in, GError **error)
{
  const GonioValueId a = gonio_import_input (in, 0);
  GonioValueId parts[3];

  if (!need_inputs (in, 3, 5, 0, error) || !gonio_import_check_attrs (in, attrs_none, error))
    return FALSE;
  for (guint i = 0; i < 3; i++)
    parts[i] = gonio_graph_add_value (in->graph, in->node->name, GONIO_DTYPE_NONE, NULL);
  gonio_graph_add_node (in->graph, GONIO_OP_DYNAMIC_QUANTIZE_LINEAR, in->node->name, &a, 1, parts,
                        3);
  const Product p = {.a = parts[0],
                     .b = gonio_import_input (in, 1),
                     .a_scale = parts[1],
                     .b_scale = gonio_import_input (in, 2),
                     .a_zero = parts[2],
                     .b_zero = gonio_import_input (in, 3),
                     .c = GONIO_VALUE_NONE,
                     .bias = gonio_import_input (in, 4),
                     .alpha = 1};
  gonio_import_become (in, GONIO_OP_CAST_LIKE, scaled_product (in, &p), a);
  return TRUE;
}

static const GonioAttrSchema attrs_gemm[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE},
                                             {"transA", GONIO_ATTR_INT, FALSE},
                                             {"transB", GONIO_ATTR_INT, FALSE},
                                             {0}};

static GonioValueId
swapped (GonioImportNode *in, GonioValueId matrix, const char *attr, const char *hint)
{
  return gonio_node_attr_int (in->node, attr, 0) == 0
             ? matrix
             : gonio_import_unary (in, GONIO_OP_TRANSPOSE, hint, matrix);
}

/* Inputs: a, its scale and zero point, b, its, c (integers of the product's scale), the result's
 * scale and zero point; without these two the result is float. */
static gboolean
quantised_gemm (GonioImportNode *in, GError **error)
{
  if (!need_inputs (in, 5, 9, 1u << 2, error) || !gonio_import_check_attrs (in, attrs_gemm, error))
    return FALSE;
  const Product p = {.a = swapped (in, gonio_import_input (in, 0), "transA", "a"),
                     .b = swapped (in, gonio_import_input (in, 3), "transB", "b"),
                     .a_scale = gonio_import_input (in, 1),
                     .b_scale = gonio_import_input (in, 4),
                     .a_zero = gonio_import_input (in, 2),
                     .b_zero = gonio_import_input (in, 5),
                     .c = gonio_import_input (in, 6),
                     .bias = GONIO_VALUE_NONE,
                     .alpha = gonio_node_attr_float (in->node, "alpha", 1)};
  GonioValueId scale = gonio_import_input (in, 7), zero = gonio_import_input (in, 8);

  if (!check_one_scale (in, p.a_scale, p.a_zero, error))
    return FALSE;
  if (scale == GONIO_VALUE_NONE) {
    gonio_import_become (in, GONIO_OP_CAST_LIKE, scaled_product (in, &p), p.a_scale);
    return TRUE;
  }
  gonio_import_become (in, GONIO_OP_QUANTIZE_LINEAR, scaled_product (in, &p), scale);
  if (zero != GONIO_VALUE_NONE)
    gonio_import_set_input (in, 2, zero);
  return TRUE;
}

/* ---- MatMulNBits ---- */

static const GonioAttrSchema attrs_bits[] = {{"K", GONIO_ATTR_INT, TRUE},
                                             {"N", GONIO_ATTR_INT, TRUE},
                                             {"accuracy_level", GONIO_ATTR_INT, FALSE},
                                             {"bits", GONIO_ATTR_INT, FALSE},
                                             {"block_size", GONIO_ATTR_INT, TRUE},
                                             {"weight_prepacked", GONIO_ATTR_INT, FALSE},
                                             {0}};

/* Weights [n,k] in blocks along k, the last one padded. */
typedef struct {
  int64_t n, k, block, blocks;
  guint bits;
  GonioDType dtype;
  size_t row_zeros; /* bytes of the packed zero points of a row */
} Packed;

static gboolean
read_packed (GonioImportNode *in, Packed *out, GError **error)
{
  int64_t bits = gonio_node_attr_int (in->node, "bits", 4);

  *out = (Packed){.n = gonio_node_attr_int (in->node, "N", 0),
                  .k = gonio_node_attr_int (in->node, "K", 0),
                  .block = gonio_node_attr_int (in->node, "block_size", 0),
                  .bits = (guint)bits};
  if (bits != 2 && bits != 4 && bits != 8)
    return gonio_import_unsupported (error, "weights of %" G_GINT64_FORMAT " bits.", bits);
  if (out->n < 1 || out->k < 1 || out->n > G_MAXINT32 || out->k > G_MAXINT32 || out->block < 16 ||
      out->block > G_MAXINT32 || (out->block & (out->block - 1)) != 0)
    return gonio_import_malformed (error, "K, N or block_size is out of range.");
  if (gonio_node_attr_int (in->node, "weight_prepacked", 0) != 0)
    return gonio_import_unsupported (error, "its weights are packed for one kind of device; export "
                                            "the model without prepacking.");
  out->dtype = bits == 2 ? GONIO_DTYPE_UINT2 : bits == 4 ? GONIO_DTYPE_UINT4 : GONIO_DTYPE_UINT8;
  out->blocks = (out->k - 1) / out->block + 1;
  out->row_zeros = ((size_t)out->blocks * out->bits + 7) / 8;
  return TRUE;
}

/* The bytes of a constant input, of which there must be that many. */
static const guint8 *
constant_bytes (const GonioImportNode *in, guint i, size_t wanted, GError **error)
{
  const GonioTensor *tensor = gonio_graph_value (in->graph, in->node->inputs[i])->constant;

  if (!tensor || gonio_tensor_dtype (tensor) != GONIO_DTYPE_UINT8) {
    gonio_import_unsupported (error, "input %u must be constant bytes.", i);
    return NULL;
  }
  if (gonio_tensor_size (tensor) != wanted) {
    gonio_import_malformed (error, "input %u has %zu bytes; %zu are needed.", i,
                            gonio_tensor_size (tensor), wanted);
    return NULL;
  }
  return gonio_tensor_data (tensor);
}

static GonioValueId
add_constant (GonioImportNode *in, const char *hint, GonioTensor *tensor)
{
  g_autofree char *name = g_strdup_printf ("%s/%s", in->node->name, hint);
  return gonio_graph_add_constant (in->graph, name, tensor);
}

/* The same bytes as a matrix of small numbers: both put the first into the low bits. */
static gboolean
packed_weights (GonioImportNode *in, const Packed *p, GonioValueId *out, GError **error)
{
  const GonioShape shape = GONIO_SHAPE (p->n, p->blocks * p->block);
  size_t bytes = 0;

  if (!gonio_tensor_bytes (p->dtype, &shape, &bytes))
    return gonio_import_malformed (error, "K and N are too large.");
  const guint8 *data = constant_bytes (in, 1, bytes, error);
  g_autoptr (GonioTensor) tensor =
      data ? gonio_tensor_new_copy (p->dtype, &shape, data, bytes, error) : NULL;
  if (tensor)
    *out = add_constant (in, "weights", tensor);
  return tensor != NULL;
}

/* Zero points [n,blocks]: each row of the file's begins with a byte, those of a tensor follow each
 * other. Without any they are half of what the bits can hold. */
static gboolean
packed_zeros (GonioImportNode *in, const Packed *p, GonioValueId *out, GError **error)
{
  const GonioShape shape = GONIO_SHAPE (p->n, p->blocks);
  const gboolean given = gonio_import_input (in, 3) != GONIO_VALUE_NONE;
  const guint mask = (1u << p->bits) - 1;
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (p->dtype, &shape, error);
  const guint8 *rows = NULL;

  if (tensor && given)
    rows = constant_bytes (in, 3, (size_t)p->n * p->row_zeros, error);
  if (!tensor || (given && !rows))
    return FALSE;
  guint8 *data = gonio_tensor_writable_data (tensor);
  for (size_t i = 0; i < (size_t)(p->n * p->blocks); i++) {
    size_t row = i / (size_t)p->blocks, bit = i % (size_t)p->blocks * p->bits;
    guint zero = rows ? rows[row * p->row_zeros + bit / 8] >> bit % 8 & mask : 1u << (p->bits - 1);
    data[i * p->bits / 8] |= (guint8)(zero << i * p->bits % 8);
  }
  *out = add_constant (in, "zeros", tensor);
  return TRUE;
}

static GonioValueId
reshaped (GonioImportNode *in, const char *hint, GonioValueId x, const int64_t *dims, guint n)
{
  return gonio_import_binary (in, GONIO_OP_RESHAPE, hint, x,
                              gonio_import_const_ints (in, "dims", dims, n));
}

/* (q - zero) scale = q scale - zero scale, for zero points that are numbers themselves. */
static GonioValueId
without_real_zeros (GonioImportNode *in, const Packed *p, GonioValueId real, GonioValueId scales)
{
  const int64_t by_block[3] = {p->n, p->blocks, p->block}, columns[3] = {p->n, p->blocks, 1};
  const int64_t per_block[2] = {p->n, p->blocks}, flat[2] = {p->n, p->blocks * p->block};
  GonioValueId zeros = reshaped (in, "zeros", gonio_import_input (in, 3), per_block, 2);

  zeros = gonio_import_binary (in, GONIO_OP_MUL, "scaled_zeros", zeros, scales);
  zeros = reshaped (in, "zero_columns", zeros, columns, 3);
  real = reshaped (in, "by_block", real, by_block, 3);
  real = gonio_import_binary (in, GONIO_OP_SUB, "moved", real, zeros);
  return reshaped (in, "rows", real, flat, 2);
}

/* The weights as numbers [k,n]. */
static gboolean
real_weights (GonioImportNode *in, const Packed *p, GonioValueId *out, GError **error)
{
  const int64_t per_block[2] = {p->n, p->blocks}, start = 0, axis = 1;
  const GonioDType zero_type = gonio_import_dtype (in, gonio_import_input (in, 3));
  const gboolean real_zeros =
      gonio_import_input (in, 3) != GONIO_VALUE_NONE && zero_type != GONIO_DTYPE_UINT8;
  GonioValueId args[3] = {0};
  GonioNodeId node = GONIO_NODE_NONE;

  if (real_zeros && !gonio_dtype_is_float (zero_type))
    return gonio_import_malformed (error, "its zero points must be bytes or numbers.");
  if (!packed_weights (in, p, &args[0], error) ||
      (!real_zeros && !packed_zeros (in, p, &args[2], error)))
    return FALSE;
  args[1] = reshaped (in, "scales", gonio_import_input (in, 2), per_block, 2);
  GonioValueId w =
      gonio_import_emit (in, GONIO_OP_DEQUANTIZE_LINEAR, "real", args, real_zeros ? 2 : 3, &node);
  gonio_graph_set_attr_int (in->graph, node, "axis", 1);
  gonio_graph_set_attr_int (in->graph, node, "block_size", p->block);
  if (real_zeros)
    w = without_real_zeros (in, p, w, args[1]);
  if (p->k != p->blocks * p->block) {
    const GonioValueId cut[4] = {w, gonio_import_const_ints (in, "start", &start, 1),
                                 gonio_import_const_ints (in, "end", &p->k, 1),
                                 gonio_import_const_ints (in, "axis", &axis, 1)};
    w = gonio_import_emit (in, GONIO_OP_SLICE, "used", cut, 4, NULL);
  }
  *out = gonio_import_unary (in, GONIO_OP_TRANSPOSE, "turned", w);
  return TRUE;
}

/* Inputs: a, packed weights [n,blocks,bytes], scales [n,blocks], zero points, a deprecated order
 * of the columns, bias. How exactly to compute at least (accuracy_level) is met in any case. */
static gboolean
mat_mul_n_bits (GonioImportNode *in, GError **error)
{
  const GonioValueId a = gonio_import_input (in, 0), bias = gonio_import_input (in, 5);
  GonioValueId weights = GONIO_VALUE_NONE;
  Packed packed;

  if (!need_inputs (in, 3, 6, 0, error) || !gonio_import_check_attrs (in, attrs_bits, error) ||
      !read_packed (in, &packed, error))
    return FALSE;
  if (gonio_import_input (in, 4) != GONIO_VALUE_NONE)
    return gonio_import_unsupported (error, "an order of columns (g_idx) is not supported.");
  if (!real_weights (in, &packed, &weights, error))
    return FALSE;
  if (bias == GONIO_VALUE_NONE)
    gonio_import_become (in, GONIO_OP_MATMUL, a, weights);
  else
    gonio_import_become (in, GONIO_OP_ADD,
                         gonio_import_binary (in, GONIO_OP_MATMUL, "product", a, weights), bias);
  return TRUE;
}

const GonioImportRow gonio_import_contrib_matmul[] = {
    {"DynamicQuantizeMatMul", DOMAIN, 1, 0, dynamic_product},
    {"MatMulIntegerToFloat", DOMAIN, 1, 0, integer_to_float},
    {"MatMulNBits", DOMAIN, 1, 0, mat_mul_n_bits},
    {"QGemm", DOMAIN, 1, 0, quantised_gemm},
    {0},
};
