/* MatMul and Gemm. A constant right side is packed when compiling, a computed one before each
 * product, in scratch memory. */
#include "backends/cpu/copy.h"
#include "backends/cpu/gemm-parts.h"

#include <string.h>

typedef struct {
  GonioCpuGemm gemm;
  GonioCpuPartsForm form;
  GonioCpuPack pack;
  GonioCpuSlot a, out;
  int64_t offset_a, offset_raw; /* of the first number, in floats */
  GonioCpuRight right;          /* packed when compiling, or scratch to pack into */
  GonioCpuSlot raw;     /* right side to pack before the run; GONIO_CPU_NO_SLOT when constant */
  GonioCpuSlot bias;    /* padded constant; GONIO_CPU_NO_SLOT: none or already in out */
  GonioTensor *zeros;   /* stands for the bias when there is none */
  gboolean accumulate;  /* out holds what to add to */
  GonioCpuSlot turned;  /* scratch for a transposed left side; GONIO_CPU_NO_SLOT: as it is */
  size_t packed_count;  /* right matrices */
  int64_t *raw_offsets; /* of each right matrix */
  int64_t *a_offsets;   /* of each product's left matrix, in floats */
  int64_t *b_index;     /* of each product's right matrix */
} Product;

static void
product_select (GonioCpuGemm *gemm, size_t index)
{
  const Product *product = gemm->context;
  gemm->a += product->a_offsets[index];
  gonio_cpu_right_move (gemm, (size_t)product->b_index[index]);
  gemm->c += index * gemm->m * gemm->n;
}

static gboolean
product_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Product *product = data;
  GonioCpuGemm gemm = product->gemm;
  if (product->raw != GONIO_CPU_NO_SLOT)
    gonio_cpu_pack_run (
        run, &product->pack, (const float *)gonio_cpu_ptr (run, product->raw) + product->offset_raw,
        product->raw_offsets, product->packed_count, gonio_cpu_ptr (run, product->right.packed));
  gemm.context = product;
  gemm.a = (const float *)gonio_cpu_ptr (run, product->a) + product->offset_a;
  if (product->turned != GONIO_CPU_NO_SLOT) {
    float *turned = gonio_cpu_ptr (run, product->turned);
    run->kernels->transpose (gemm.a, gemm.lda, turned, gemm.kc, gemm.kc, gemm.m);
    gemm.a = turned;
    gemm.lda = gemm.kc;
  }
  gonio_cpu_right_use (&product->right, run, &gemm);
  gemm.c = gonio_cpu_ptr (run, product->out);
  if (product->accumulate)
    gemm.bias = NULL;
  else if (product->bias != GONIO_CPU_NO_SLOT)
    gemm.bias = gonio_cpu_ptr (run, product->bias);
  else
    gemm.bias = gonio_tensor_data (product->zeros);
  gonio_cpu_gemm_run (&gemm, run);
  return TRUE;
}

static void
product_clear (gpointer data)
{
  Product *product = data;
  g_clear_pointer (&product->zeros, gonio_tensor_unref);
  gonio_cpu_parts_form_clear (&product->form);
  g_free (product->raw_offsets);
  g_free (product->a_offsets);
  g_free (product->b_index);
}

/* Appends the product (NULL: no memory); sizes, strides of the right side and offsets are the
 * caller's to fill in before finish_product(). */
static Product *
add_product (GonioCpuLower *lower, size_t m, size_t k, size_t n, size_t batch, size_t rights,
             GError **error)
{
  Product *product = gonio_cpu_step (lower, product_run, sizeof *product, product_clear);
  product->gemm = (GonioCpuGemm){.m = m,
                                 .n = n,
                                 .taps = 1,
                                 .kc = k,
                                 .batch = batch,
                                 .rows = gonio_cpu_rows_plain,
                                 .lda = k,
                                 .ldc = n};
  product->gemm.select = batch > 1 ? product_select : NULL;
  product->pack =
      (GonioCpuPack){.taps = 1, .kc = k, .n = n, .sk = (int64_t)n, .sj = 1, .scale = 1.0f};
  product->packed_count = rights;
  product->right.size = gonio_cpu_packed_floats (lower->backend->kernels, 1, k, n);
  product->right.scratch = GONIO_CPU_NO_SLOT;
  int64_t **const lists[] = {&product->raw_offsets, &product->a_offsets, &product->b_index};
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    *lists[i] = gonio_new0 (int64_t, i == 0 ? rights : batch, "a product's offsets", error);
    if (!*lists[i])
      return NULL;
  }
  product->raw = product->bias = product->turned = GONIO_CPU_NO_SLOT;
  product->gemm.activation = gonio_cpu_activation (lower->node.node);
  return product;
}

static gboolean
finish_product (GonioCpuLower *lower, Product *product, GError **error)
{
  const GonioCpuKernels *kernels = lower->backend->kernels;
  const GonioTensor *right = gonio_cpu_const (&lower->node, 1);
  size_t floats;
  if (!g_size_checked_mul (&floats, product->packed_count, product->right.size) ||
      floats > G_MAXSIZE / sizeof (float))
    return gonio_cpu_fail (error, "the right side is too large");
  if (right) {
    GonioCpuGemm *gemm = &product->gemm;
    if (gonio_cpu_parts_suit (kernels, gemm->m, gemm->kc, gemm->n)) {
      if (!gonio_cpu_parts_form_plain (&product->form, gemm->m, gemm->kc, gemm->lda, error))
        return FALSE;
      gemm->form = &product->form;
    }
    if (!gonio_cpu_right_init (&product->right, lower, &product->gemm, &product->pack, right,
                               product->raw_offsets, product->packed_count, error))
      return FALSE;
  } else {
    product->raw = gonio_cpu_view_in (lower, 1).slot;
    product->right.packed = gonio_cpu_slot_scratch (lower, floats * sizeof (float));
  }
  product->zeros = gonio_cpu_floats (gonio_cpu_padded_columns (kernels, product->gemm.n), error);
  product->a = gonio_cpu_view_in (lower, 0).slot;
  product->out = gonio_cpu_slot_out (lower, 0);
  return product->zeros != NULL;
}

/* How the right side lies. What is constant is packed at once, and its memory not used after. */
static GonioCpuView
right_view (GonioCpuLower *lower)
{
  GonioCpuView view = {.slot = GONIO_CPU_NO_SLOT};
  if (!gonio_cpu_const (&lower->node, 1))
    return gonio_cpu_view_in (lower, 1);
  gonio_cpu_strides (gonio_cpu_in (&lower->node, 1), view.strides);
  return view;
}

/* ---- MatMul ---- */

/* Batches beyond this would only fill memory with offsets. */
#define MAX_BATCH ((int64_t)1 << 20)

/* Both sides as matrices: a vector on the left is a row, on the right a column. */
typedef struct {
  GonioShape a, b, batch; /* a, b with rank >= 2; batch: broadcast outer dimensions */
  int64_t m, k, n, products, rights;
} Shapes;

static const char *
matmul_shapes (const GonioCpuNode *node, Shapes *out)
{
  out->a = gonio_cpu_shape (gonio_cpu_in (node, 0));
  out->b = gonio_cpu_shape (gonio_cpu_in (node, 1));
  if (out->a.rank < 1 || out->b.rank < 1)
    return "a scalar cannot be multiplied as a matrix";
  if (out->a.rank == 1)
    out->a = GONIO_SHAPE (1, out->a.dims[0]);
  if (out->b.rank == 1)
    out->b = GONIO_SHAPE (out->b.dims[0], 1);
  GonioShape outer_a = out->a, outer_b = out->b;
  outer_a.rank -= 2;
  outer_b.rank -= 2;
  out->m = out->a.dims[out->a.rank - 2];
  out->k = out->a.dims[out->a.rank - 1];
  out->n = out->b.dims[out->b.rank - 1];
  if (out->b.dims[out->b.rank - 2] != out->k ||
      !gonio_shape_broadcast (&outer_a, &outer_b, &out->batch) ||
      !gonio_shape_count (&out->batch, &out->products) ||
      !gonio_shape_count (&outer_b, &out->rights))
    return "the shapes do not fit";
  if (out->k == 0)
    return "nothing to sum over";
  return out->products <= MAX_BATCH ? NULL : "too many matrices";
}

/* Strides of a side as a matrix: what a vector lacks is never stepped along. */
static void
matrix_strides (const GonioCpuNode *node, guint i, const GonioCpuView *view,
                int64_t out_strides[GONIO_MAX_RANK])
{
  int rank = gonio_cpu_in (node, i)->shape.rank;
  memcpy (out_strides, view->strides, sizeof view->strides);
  if (rank == 1) {
    out_strides[0] = i == 0 ? 0 : view->strides[0];
    out_strides[1] = i == 0 ? view->strides[0] : 1;
  }
}

/* One right matrix for all, and left ones that follow each other: one tall matrix. */
static void
merge_lefts (Shapes *shapes, const int64_t *strides)
{
  int64_t step = strides[shapes->a.rank - 2], length = shapes->m;
  if (shapes->rights != 1)
    return;
  for (int i = shapes->a.rank - 3; i >= 0; i--) {
    if (shapes->a.dims[i] == 1)
      continue;
    if (strides[i] != step * length)
      return;
    length *= shapes->a.dims[i];
  }
  shapes->m = length;
  shapes->products = 1;
  shapes->batch.rank = 0;
}

static const char *
matmul_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (!gonio_cpu_is_float (gonio_cpu_in (node, 0)) || !gonio_cpu_is_float (gonio_cpu_in (node, 1)))
    return "only float is supported";
  Shapes shapes;
  const char *reason = matmul_shapes (node, &shapes);
  if (reason)
    return reason;
  gonio_cpu_claim_plain (out_claim);
  out_claim->cost =
      (double)shapes.products * (double)shapes.m * (double)shapes.k * (double)shapes.n;
  return NULL;
}

/* Offsets of the left and the number of the right matrix of each product. */
static void
find_products (Product *product, const Shapes *shapes, const int64_t *strides_a)
{
  GonioCpuNest nest = {.arrays = 2};
  int rank = shapes->batch.rank;
  int64_t number = 1, strides[GONIO_MAX_RANK][2];
  for (int i = rank - 1; i >= 0; i--) {
    int axis_a = i - (rank - (shapes->a.rank - 2)), axis_b = i - (rank - (shapes->b.rank - 2));
    int64_t dim_b = axis_b >= 0 ? shapes->b.dims[axis_b] : 1;
    strides[i][0] = axis_a >= 0 && shapes->a.dims[axis_a] != 1 ? strides_a[axis_a] : 0;
    strides[i][1] = dim_b == 1 ? 0 : number;
    number *= dim_b;
  }
  for (int i = 0; i < rank; i++)
    gonio_cpu_nest_push (&nest, shapes->batch.dims[i], strides[i]);
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, &nest, nest.rank, 0);
  for (int64_t i = 0; i < shapes->products; i++, gonio_cpu_walk_next (&walk)) {
    product->a_offsets[i] = walk.offsets[0];
    product->b_index[i] = walk.offsets[1];
  }
}

/* Where each right matrix starts. */
static void
find_rights (Product *product, const Shapes *shapes, const int64_t *strides_b)
{
  GonioCpuNest nest = {.arrays = 1};
  for (int i = 0; i < shapes->b.rank - 2; i++)
    gonio_cpu_nest_push (&nest, shapes->b.dims[i], &strides_b[i]);
  GonioCpuWalk walk;
  gonio_cpu_walk_start (&walk, &nest, nest.rank, 0);
  for (int64_t i = 0; i < shapes->rights; i++, gonio_cpu_walk_next (&walk))
    product->raw_offsets[i] = walk.offsets[0];
}

/* Left: rows must run on. Right: rows or columns must, for packing. */
static gboolean
matmul_takes (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  GonioShape shape = gonio_cpu_shape (gonio_cpu_in (node, i));
  int64_t strides[GONIO_MAX_RANK];
  if (i > 1 || shape.rank < 2)
    return FALSE;
  matrix_strides (node, i, view, strides);
  for (int k = 0; k < shape.rank; k++)
    if (strides[k] < 0)
      return FALSE;
  return strides[shape.rank - 1] == 1 || (i == 1 && strides[shape.rank - 2] == 1);
}

static gboolean
matmul_lower (GonioCpuLower *lower, GError **error)
{
  Shapes shapes;
  const char *reason = matmul_shapes (&lower->node, &shapes);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioCpuView a = gonio_cpu_view_in (lower, 0), b = right_view (lower);
  int64_t strides_a[GONIO_MAX_RANK], strides_b[GONIO_MAX_RANK];
  matrix_strides (&lower->node, 0, &a, strides_a);
  matrix_strides (&lower->node, 1, &b, strides_b);
  merge_lefts (&shapes, strides_a);
  Product *product = add_product (lower, (size_t)shapes.m, (size_t)shapes.k, (size_t)shapes.n,
                                  (size_t)shapes.products, (size_t)shapes.rights, error);
  if (!product)
    return FALSE;
  product->offset_a = a.offset;
  product->offset_raw = b.offset;
  product->gemm.lda = (size_t)strides_a[shapes.a.rank - 2];
  product->pack.sk = strides_b[shapes.b.rank - 2];
  product->pack.sj = strides_b[shapes.b.rank - 1];
  find_products (product, &shapes, strides_a);
  find_rights (product, &shapes, strides_b);
  return finish_product (lower, product, error);
}

/* ---- Gemm: alpha A B + beta C ---- */

typedef struct {
  int64_t m, k, n;
  gboolean turn_a, turn_b;
  float alpha, beta;
} GemmFacts;

static const char *
gemm_facts (const GonioCpuNode *node, GemmFacts *out)
{
  GonioShape a = gonio_cpu_shape (gonio_cpu_in (node, 0)),
             b = gonio_cpu_shape (gonio_cpu_in (node, 1));
  if (a.rank != 2 || b.rank != 2)
    return "the sides are not matrices";
  out->turn_a = gonio_node_attr_int (node->node, "transA", 0) != 0;
  out->turn_b = gonio_node_attr_int (node->node, "transB", 0) != 0;
  out->alpha = gonio_node_attr_float (node->node, "alpha", 1);
  out->beta = gonio_node_attr_float (node->node, "beta", 1);
  out->m = a.dims[out->turn_a];
  out->k = a.dims[!out->turn_a];
  out->n = b.dims[!out->turn_b];
  if (b.dims[out->turn_b] != out->k)
    return "the shapes do not fit";
  return out->k ? NULL : "nothing to sum over";
}

static const char *
gemm_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  for (guint i = 0; i < 3; i++)
    if (gonio_cpu_in (node, i) && !gonio_cpu_is_float (gonio_cpu_in (node, i)))
      return "only float is supported";
  GemmFacts facts;
  const char *reason = gemm_facts (node, &facts);
  if (reason)
    return reason;
  gonio_cpu_claim_plain (out_claim);
  out_claim->cost = (double)facts.m * (double)facts.k * (double)facts.n;
  return NULL;
}

typedef struct {
  GonioCpuCopy copy;
  GonioCpuSlot in, out;
  float scale;
} Spread;

/* C, spread over the whole result and scaled, for the product to add to. */
static gboolean
spread_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const Spread *spread = data;
  float *out = gonio_cpu_ptr (run, spread->out);
  gonio_cpu_copy_run (&spread->copy, run, out, gonio_cpu_ptr (run, spread->in));
  if (spread->scale != 1.0f) {
    const float p[2] = {spread->scale, 0};
    size_t count = (size_t)gonio_cpu_nest_count (&spread->copy.nest, 0, spread->copy.nest.rank);
    run->kernels->unary[GONIO_CPU_UNARY_AFFINE](out, out, count, p);
  }
  return TRUE;
}

/* Columns of a constant C that is one row (or one number), scaled and padded. NULL: it is not. */
static GonioTensor *
bias_row (const GonioCpuLower *lower, const GemmFacts *facts, GError **error)
{
  const GonioTensor *c = gonio_cpu_const (&lower->node, 2);
  if (!c)
    return NULL;
  int64_t count = gonio_tensor_count (c);
  const GonioShape *shape = gonio_tensor_shape (c);
  if (count != 1 && (count != facts->n || shape->dims[shape->rank - 1] != facts->n))
    return NULL;
  size_t padded = gonio_cpu_padded_columns (lower->backend->kernels, (size_t)facts->n);
  g_autoptr (GonioTensor) row = gonio_cpu_floats (padded, error);
  const float *from = gonio_tensor_data (c);
  float *to = row ? gonio_tensor_writable_data (row) : NULL;
  for (int64_t j = 0; row && j < facts->n; j++)
    to[j] = from[count == 1 ? 0 : j] * facts->beta;
  return g_steal_pointer (&row);
}

static void
add_spread (GonioCpuLower *lower, const GemmFacts *facts)
{
  int64_t strides[GONIO_MAX_RANK];
  gonio_cpu_broadcast_strides (gonio_cpu_in (&lower->node, 2), 2, strides);
  Spread *spread = gonio_cpu_step (lower, spread_run, sizeof *spread, NULL);
  gonio_cpu_copy_init (&spread->copy, sizeof (float));
  gonio_cpu_nest_push (&spread->copy.nest, facts->m, (int64_t[]){facts->n, strides[0]});
  gonio_cpu_nest_push (&spread->copy.nest, facts->n, (int64_t[]){1, strides[1]});
  gonio_cpu_copy_finish (&spread->copy);
  spread->scale = facts->beta;
  spread->in = gonio_cpu_slot_in (lower, 2);
  spread->out = gonio_cpu_slot_out (lower, 0);
}

static gboolean
gemm_lower (GonioCpuLower *lower, GError **error)
{
  GemmFacts facts;
  const char *reason = gemm_facts (&lower->node, &facts);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  g_autoptr (GonioTensor) row = NULL;
  gboolean has_c = gonio_cpu_in (&lower->node, 2) && facts.beta != 0.0f;
  if (has_c)
    row = bias_row (lower, &facts, error);
  if (has_c && !row)
    add_spread (lower, &facts);
  Product *product =
      add_product (lower, (size_t)facts.m, (size_t)facts.k, (size_t)facts.n, 1, 1, error);
  if (!product)
    return FALSE;
  product->accumulate = has_c && !row;
  GonioCpuView a = gonio_cpu_view_in (lower, 0), b = right_view (lower);
  product->offset_a = a.offset;
  product->offset_raw = b.offset;
  product->gemm.lda = (size_t)a.strides[0];
  product->pack.scale = facts.alpha;
  product->pack.sk = b.strides[facts.turn_b];
  product->pack.sj = b.strides[!facts.turn_b];
  if (!finish_product (lower, product, error))
    return FALSE;
  if (row)
    product->bias = gonio_cpu_slot_tensor (lower, row);
  if (facts.turn_a)
    product->turned =
        gonio_cpu_slot_scratch (lower, (size_t)facts.m * (size_t)facts.k * sizeof (float));
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_matmul[] = {
    {GONIO_OP_GEMM, gemm_claim, gemm_lower, matmul_takes, NULL},
    {GONIO_OP_MATMUL, matmul_claim, matmul_lower, matmul_takes, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
