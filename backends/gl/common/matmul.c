/* Matrix products in plain form. Depends on tile, lower. */
#include "backends/gl/common/tile.h"

#include <string.h>

#define MOST_AXES 4 /* of products, as in kernels/matrix.glsl */
/* Fewer rows than this are a thin product: of a tile's rows half would idle. */
#define LEAST_ROWS 16

typedef struct {
  int m, n, k;
  int a[2], b[2];    /* steps of a (row, depth) and b (depth, column) */
  int bias[2];       /* steps (row, column) of what is added */
  float alpha, beta; /* of the product, of what is added */
  int axes;          /* of products side by side */
  int size[MOST_AXES], a_step[MOST_AXES], b_step[MOST_AXES];
} Product;

/* ---- reading nodes ---- */

/* Of the batch axis `axis` from the end (0: next to the matrix); a missing one is of size 1. */
static gint64
batch_dim (const GonioShape *shape, int axis)
{
  int at = shape->rank - 3 - axis;
  return at >= 0 ? shape->dims[at] : 1;
}

/* Innermost last; axes that both sides walk through alike become one. */
static const char *
read_axes (const GonioShape *a, const GonioShape *b, Product *product)
{
  int axes = MAX (MAX (a->rank, b->rank) - 2, 0), n = 0;
  int size[GONIO_MAX_RANK], step_a[GONIO_MAX_RANK], step_b[GONIO_MAX_RANK];
  gint64 at_a = (gint64)product->m * product->k, at_b = (gint64)product->k * product->n;
  for (int axis = 0; axis < axes; axis++) { /* from the inner to the outer */
    gint64 own_a = batch_dim (a, axis), own_b = batch_dim (b, axis);
    int s = (int)MAX (own_a, own_b), sa = own_a == 1 ? 0 : (int)at_a,
        sb = own_b == 1 ? 0 : (int)at_b;
    if (own_a == 0 || own_b == 0)
      s = 0;
    at_a *= own_a;
    at_b *= own_b;
    if (s == 1)
      continue;
    if (n > 0 && sa == step_a[n - 1] * size[n - 1] && sb == step_b[n - 1] * size[n - 1]) {
      size[n - 1] *= s;
      continue;
    }
    size[n] = s;
    step_a[n] = sa;
    step_b[n++] = sb;
  }
  if (n > MOST_AXES)
    return "too many batch axes";
  product->axes = n;
  for (int i = 0; i < n; i++) {
    product->size[i] = size[n - 1 - i];
    product->a_step[i] = step_a[n - 1 - i];
    product->b_step[i] = step_b[n - 1 - i];
  }
  if (n == 1 && product->b_step[0] == 0 && product->a_step[0] == product->m * product->k) {
    product->m *= product->size[0]; /* all rows with the same right side */
    product->axes = 0;
  }
  return NULL;
}

static const char *
read_matmul (const GonioGraph *graph, const GonioNode *node, Product *out_product)
{
  GonioShape a = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape b = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  if (a.rank < 1 || b.rank < 1)
    return "a side is a number";
  Product product = {.m = a.rank > 1 ? (int)a.dims[a.rank - 2] : 1,
                     .k = (int)a.dims[a.rank - 1],
                     .n = b.rank > 1 ? (int)b.dims[b.rank - 1] : 1,
                     .alpha = 1};
  product.a[0] = product.k;
  product.a[1] = 1;
  product.b[0] = product.n;
  product.b[1] = 1;
  const char *reason = read_axes (&a, &b, &product);
  if (!reason)
    *out_product = product;
  return reason;
}

static void
read_gemm (const GonioGraph *graph, const GonioNode *node, Product *out_product)
{
  GonioShape a = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape b = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  const GonioValue *bias = gonio_gl_in (graph, node, 2);
  gboolean turn_a = gonio_node_attr_int (node, "transA", 0) != 0;
  gboolean turn_b = gonio_node_attr_int (node, "transB", 0) != 0;
  int m = (int)a.dims[turn_a], k = (int)a.dims[!turn_a], n = (int)b.dims[!turn_b];
  Product product = {.m = m,
                     .n = n,
                     .k = k,
                     .a = {turn_a ? 1 : k, turn_a ? m : 1},
                     .b = {turn_b ? 1 : n, turn_b ? k : 1},
                     .alpha = gonio_node_attr_float (node, "alpha", 1),
                     .beta = gonio_node_attr_float (node, "beta", 1)};
  if (bias) {
    GonioShape c = gonio_gl_shape (bias);
    int columns = c.rank > 0 ? (int)c.dims[c.rank - 1] : 1;
    product.bias[0] = c.rank == 2 && c.dims[0] != 1 ? columns : 0;
    product.bias[1] = columns != 1;
  }
  *out_product = product;
}

/* ---- steps ---- */

static int
count_products (const Product *product)
{
  int count = 1;
  for (int i = 0; i < product->axes; i++)
    count *= product->size[i];
  return count;
}

/* Rows of whole fours, zeros up to the end of a tile's step. */
static GonioTensor *
pack_right (const Product *product, const float *b, GError **error)
{
  gint64 line = (gint64)gonio_gl_fours (product->n) * 4;
  gint64 lines = gonio_gl_tile_depth (gonio_gl_fours (product->k)) * 4;
  GonioTensor *tensor = gonio_gl_new_numbers (lines * line, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int k = 0; packed && k < product->k; k++)
    for (int n = 0; n < product->n; n++)
      packed[k * line + n] = b[(gint64)k * product->b[0] + (gint64)n * product->b[1]];
  return tensor;
}

static gboolean
read_sides (GonioGlLower *lower, const Product *product, GonioGlStep *step, GString *defines,
            GError **error)
{
  const GonioTensor *constant = gonio_gl_in (lower->graph, lower->node, 1)->constant;
  gboolean shared = constant != NULL;
  for (int i = 0; i < product->axes; i++)
    shared = shared && product->b_step[i] == 0;
  if (!gonio_gl_read (lower, 0, GONIO_GL_PLAIN, &step->inputs[0], error))
    return FALSE;
  if (product->a[1] == 1 && product->a[0] == product->k && product->k % 4 == 0)
    g_string_append (defines, ";LEFT_WHOLE 1");
  if (shared) {
    g_autoptr (GonioTensor) packed = pack_right (product, gonio_tensor_data (constant), error);
    if (!packed)
      return FALSE;
    step->inputs[1] = gonio_gl_numbers (lower, packed);
    g_string_append (defines, ";RIGHT_PACKED 1");
  } else {
    if (!gonio_gl_read (lower, 1, GONIO_GL_PLAIN, &step->inputs[1], error))
      return FALSE;
    if (product->b[1] == 1 && product->b[0] == product->n && product->n % 4 == 0)
      g_string_append (defines, ";RIGHT_WHOLE 1");
  }
  step->n_inputs = 2;
  if (gonio_gl_in (lower->graph, lower->node, 2) == NULL)
    return TRUE;
  g_string_append (defines, ";BIAS 1");
  step->n_inputs = 3;
  return gonio_gl_read (lower, 2, GONIO_GL_PLAIN, &step->inputs[2], error);
}

static void
describe (const Product *product, GonioGlStep *step)
{
  const int params[] = {product->m,
                        product->n,
                        product->k,
                        product->a[0],
                        product->a[1],
                        product->b[0],
                        product->b[1],
                        gonio_gl_fours (product->n),
                        gonio_gl_fours (product->k),
                        product->bias[0],
                        product->bias[1]};
  memcpy (step->params, params, sizeof params);
  memcpy (step->params + 16, product->size, sizeof product->size);
  memcpy (step->params + 20, product->a_step, sizeof product->a_step);
  memcpy (step->params + 24, product->b_step, sizeof product->b_step);
  step->floats[2] = product->alpha;
  step->floats[3] = product->beta;
}

/* Takes defines. */
static gboolean
add_tiled (GonioGlLower *lower, GonioGlStep *step, int products, char *defines, GError **error)
{
  g_autofree char *others = defines;
  const GonioGlTile *tile = gonio_gl_tile_for (step->params[0], step->params[7], products);
  int rows = gonio_gl_tile_rows (tile), columns = gonio_gl_tile_columns (tile);
  step->reads = gonio_gl_tile_reads (tile, step->params[8]);
  g_autofree char *shape = gonio_gl_tile_defines (tile);
  step->kernel = "matmul-tiled.glsl";
  step->params[11] = (step->params[0] + rows - 1) / rows;
  step->params[12] = (step->params[7] + columns - 1) / columns;
  step->groups = (gint64)products * step->params[11] * step->params[12];
  step->defines = g_strconcat (shape, ";", others, NULL);
  return gonio_gl_add (lower, step, error);
}

/* With a texel, or four rows of texels, for each thread. */
static gboolean
add_texels (GonioGlLower *lower, GonioGlStep *step, int products, char *defines, GError **error)
{
  int rows = step->params[0], fours = step->params[7];
  step->kernel = "matmul.glsl";
  step->reads = (gint64)step->params[2] * 8;
  step->defines = defines;
  if (!gonio_gl_four_pays (lower, rows, (gint64)products * fours, step->params[8]))
    return gonio_gl_add (lower, step, error);
  step->kernel = "matmul-four.glsl";
  step->params[11] = (rows + 3) / 4;
  step->reads *= 2;
  return gonio_gl_add_four (lower, step, products, rows, fours, error);
}

static gboolean
add_product (GonioGlLower *lower, const Product *product, GError **error)
{
  GonioGlStep step = {0};
  g_autofree char *activation = gonio_gl_activation (lower->node, &step);
  g_autoptr (GString) defines = g_string_new (activation);
  int products = count_products (product), fours = gonio_gl_fours (product->n);
  /* rows of whole fours are put together in a second step */
  gboolean padded = product->n % 4 != 0 && (gint64)products * product->m > 1;
  GonioGlKernels kernels = gonio_gl_kernels ();
  g_string_append_printf (defines, ";BATCHES %d", product->axes);
  if (!read_sides (lower, product, &step, defines, error))
    return FALSE;
  describe (product, &step);
  step.output = padded ? gonio_gl_scratch (lower, (gint64)products * product->m * fours)
                       : gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  GonioGlSlot rows = step.output;
  char *all = g_string_free (g_steal_pointer (&defines), FALSE);
  gboolean good;
  if (kernels == GONIO_GL_ONE_TEXEL || !gonio_gl_has_groups (lower))
    good = add_texels (lower, &step, products, all, error);
  else if (kernels == GONIO_GL_THIN || (kernels == GONIO_GL_BY_SIZE && product->m < LEAST_ROWS))
    good = gonio_gl_add_thin (lower, &step, products, all, error);
  else
    good = add_tiled (lower, &step, products, all, error);
  if (!good || !padded)
    return good;
  GonioGlStep unpad = {.kernel = "unpad.glsl",
                       .n_inputs = 1,
                       .inputs = {rows},
                       .params = {product->n, products * product->m * product->n},
                       .output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN)};
  return gonio_gl_add (lower, &unpad, error);
}

/* ---- rows ---- */

static const char *
matmul_claim (const GonioGraph *graph, const GonioNode *node)
{
  Product product;
  return read_matmul (graph, node, &product);
}

static gboolean
matmul_lower (GonioGlLower *lower, GError **error)
{
  Product product;
  (void)read_matmul (lower->graph, lower->node, &product); /* as claimed */
  return add_product (lower, &product, error);
}

static const char *
gemm_claim (const GonioGraph *graph, const GonioNode *node)
{
  return gonio_gl_in (graph, node, 2) && gonio_gl_shape (gonio_gl_in (graph, node, 2)).rank > 2
             ? "the summand has more than two axes"
             : NULL;
}

static gboolean
gemm_lower (GonioGlLower *lower, GError **error)
{
  Product product;
  read_gemm (lower->graph, lower->node, &product);
  return add_product (lower, &product, error);
}

const GonioGlOp gonio_gl_ops_matmul[] = {
    {GONIO_OP_GEMM, gemm_claim, gemm_lower, 0},
    {GONIO_OP_MATMUL, matmul_claim, matmul_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
