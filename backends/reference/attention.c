/* Attention and RotaryEmbedding, one query row at a time in double. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* ---- Attention ---- */

/* Keys or values with the cache before them: batch x heads x length x size, wide. */
typedef struct {
  int64_t batch, heads, length, size;
  double *data;
} Cache;

typedef struct {
  int64_t batch, heads, kv_heads, length, total, past; /* length: queries, total: keys */
  int64_t q_size, v_size;
  gboolean packed; /* rank 3: heads side by side in the last dimension */
  gboolean causal;
  double scale, softcap;
  int mode; /* what output 3 holds: 0 products, 1 capped, 2 masked, 3 probabilities */
  const double *q;
  Cache k, v;
  GonioTensor *mask; /* nullable */
  int64_t mask_stride[4], mask_keys;
  const int64_t *lengths; /* valid keys per batch, nullable */
} Attention;

static double
element (const GonioTensor *tensor, int64_t i)
{
  double value;

  ref_load_f64 (tensor, i, 1, &value);
  return value;
}

/* Batch, heads, length and size of Q, K or V in either form. */
static gboolean
read_dims (const GonioTensor *tensor, int64_t heads, const char *what, Cache *out, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (tensor);

  if (shape->rank == 4) {
    *out = (Cache){shape->dims[0], shape->dims[1], shape->dims[2], shape->dims[3], NULL};
    return TRUE;
  }
  if (shape->rank != 3 || heads < 1 || shape->dims[2] % heads != 0) {
    g_autofree char *text = gonio_shape_to_string (shape);

    return ref_bad_shape (error, "%s of shape %s does not split into %" G_GINT64_FORMAT " heads",
                          what, text, heads);
  }
  *out = (Cache){shape->dims[0], heads, shape->dims[1], shape->dims[2] / heads, NULL};
  return TRUE;
}

/* Position of element (b, h, t, 0) of a tensor in either form. */
static int64_t
row_at (const Cache *dims, gboolean packed, int64_t b, int64_t h, int64_t t)
{
  return packed ? ((b * dims->length + t) * dims->heads + h) * dims->size
                : ((b * dims->heads + h) * dims->length + t) * dims->size;
}

/* Joins past and new rows; also the present output i when wanted. */
static gboolean
build_cache (GonioKernel *k, guint input, guint past_input, guint output, Cache *cache,
             GError **error)
{
  GonioTensor *x = k->inputs[input], *past = ref_in (k, past_input), *present = NULL;
  gboolean packed = gonio_tensor_shape (x)->rank == 3;
  Cache own = *cache;
  int64_t before = past != NULL ? gonio_tensor_shape (past)->dims[2] : 0;

  cache->length = before + own.length;
  if (ref_wants (k, output)) {
    present =
        ref_output (k, output, gonio_tensor_dtype (x),
                    REF_SHAPE (cache->batch, cache->heads, cache->length, cache->size), error);
    if (present == NULL)
      return FALSE;
  }
  cache->data =
      ref_alloc (cache->batch * cache->heads * cache->length * cache->size, sizeof (double), error);
  if (cache->data == NULL)
    return FALSE;
  for (int64_t b = 0; cache->size > 0 && b < cache->batch; b++)
    for (int64_t h = 0; h < cache->heads; h++)
      for (int64_t t = 0; t < cache->length; t++) {
        const GonioTensor *from = t < before ? past : x;
        int64_t at = t < before ? ((b * cache->heads + h) * before + t) * cache->size
                                : row_at (&own, packed, b, h, t - before);
        int64_t to = ((b * cache->heads + h) * cache->length + t) * cache->size;

        ref_load_f64 (from, at, cache->size, cache->data + to);
        if (present != NULL)
          ref_copy (present, to, from, at, cache->size);
      }
  return TRUE;
}

static gboolean
check_past (const GonioTensor *past, const Cache *own, const char *what, GError **error)
{
  const GonioShape *shape = past != NULL ? gonio_tensor_shape (past) : NULL;

  if (shape != NULL && (shape->rank != 4 || shape->dims[0] != own->batch ||
                        shape->dims[1] != own->heads || shape->dims[3] != own->size))
    return ref_bad_shape (error, "%s does not fit what it is joined with", what);
  return TRUE;
}

/* Shapes and attributes; q holds the dimensions of Q. */
static gboolean
attention_init (Attention *a, GonioKernel *k, Cache *q, GError **error)
{
  int64_t kv_heads = ref_attr_int (k, "kv_num_heads", 0);
  GonioTensor *past_k = ref_in (k, 4), *past_v = ref_in (k, 5);

  a->packed = gonio_tensor_shape (k->inputs[0])->rank == 3;
  if (!read_dims (k->inputs[0], ref_attr_int (k, "q_num_heads", 0), "Q", q, error) ||
      !read_dims (k->inputs[1], kv_heads, "K", &a->k, error) ||
      !read_dims (k->inputs[2], kv_heads, "V", &a->v, error) ||
      !check_past (past_k, &a->k, "past_key", error) ||
      !check_past (past_v, &a->v, "past_value", error))
    return FALSE;
  if (a->k.batch != q->batch || a->v.batch != q->batch || a->k.heads != a->v.heads ||
      a->k.size != q->size || a->k.length != a->v.length || (past_k == NULL) != (past_v == NULL) ||
      (past_k != NULL &&
       gonio_tensor_shape (past_k)->dims[2] != gonio_tensor_shape (past_v)->dims[2]) ||
      (q->heads > 0 && (a->k.heads < 1 || q->heads % a->k.heads != 0)))
    return ref_bad_shape (error, "Q, K and V do not fit each other");
  a->batch = q->batch;
  a->heads = q->heads;
  a->length = q->length;
  a->q_size = q->size;
  a->v_size = a->v.size;
  a->kv_heads = a->k.heads;
  a->past = past_k != NULL ? gonio_tensor_shape (past_k)->dims[2] : 0;
  a->total = a->past + a->k.length;
  a->causal = ref_attr_int (k, "is_causal", 0) != 0;
  a->softcap = ref_attr_float (k, "softcap", 0);
  a->scale = gonio_node_attr (k->node, "scale") != NULL ? ref_attr_float (k, "scale", 0)
                                                        : 1 / sqrt ((double)q->size);
  a->mode = (int)CLAMP (ref_attr_int (k, "qk_matmul_output_mode", 0), -1, 4);
  if (a->mode < 0 || a->mode > 3)
    return ref_bad_value (error, "qk_matmul_output_mode is %" G_GINT64_FORMAT,
                          ref_attr_int (k, "qk_matmul_output_mode", 0));
  return TRUE;
}

/* The mask broadcasts to batch x heads x queries x keys; a short last dimension means that the
 * keys beyond it are masked out. */
static gboolean
mask_init (Attention *a, GonioKernel *k, GError **error)
{
  const int64_t full[4] = {a->batch, a->heads, a->length, a->total};
  GonioTensor *mask = ref_in (k, 3);
  int64_t strides[GONIO_MAX_RANK];
  const GonioShape *shape;
  gboolean fits;

  if (mask == NULL)
    return TRUE;
  shape = gonio_tensor_shape (mask);
  gonio_shape_strides (shape, strides);
  fits = shape->rank >= 1 && shape->rank <= 4 && shape->dims[shape->rank - 1] <= a->total;
  for (int d = 0; fits && d < shape->rank; d++) {
    int to = d + 4 - shape->rank;

    fits = to == 3 || shape->dims[d] == 1 || shape->dims[d] == full[to];
    a->mask_stride[to] = to == 3 || shape->dims[d] != 1 ? strides[d] : 0;
  }
  if (!fits) {
    g_autofree char *text = gonio_shape_to_string (shape);

    return ref_bad_shape (error,
                          "a mask of shape %s does not fit %" G_GINT64_FORMAT
                          " queries and %" G_GINT64_FORMAT " keys",
                          text, a->length, a->total);
  }
  a->mask = mask;
  a->mask_keys = shape->dims[shape->rank - 1];
  return TRUE;
}

/* What the masks add to the score of each key for one query: 0, a bias, or -infinity. */
static void
row_bias (const Attention *a, int64_t b, int64_t head, int64_t query, double *bias)
{
  int64_t at = b * a->mask_stride[0] + head * a->mask_stride[1] + query * a->mask_stride[2];
  int64_t reach = a->past + query; /* last key a causal query sees */

  if (a->past == 0 && a->lengths != NULL)
    reach = a->lengths[b] - a->length + query;
  for (int64_t j = 0; j < a->total; j++) {
    bias[j] = 0;
    if (a->mask != NULL) {
      double value = j < a->mask_keys ? element (a->mask, at + j * a->mask_stride[3]) : -INFINITY;
      gboolean is_bool = gonio_tensor_dtype (a->mask) == GONIO_DTYPE_BOOL;

      bias[j] = is_bool ? (value > 0 ? 0 : -INFINITY) : value;
    }
    if ((a->causal && j > reach) || (a->lengths != NULL && j >= a->lengths[b]))
      bias[j] = -INFINITY;
  }
}

/* Probabilities in place; a row that is masked out altogether becomes zeros. */
static void
softmax (double *row, int64_t n)
{
  double max = -INFINITY, sum = 0;

  for (int64_t i = 0; i < n; i++)
    if (row[i] > max || isnan (row[i]))
      max = row[i];
  for (int64_t i = 0; i < n; i++)
    sum += row[i] = max == -INFINITY ? 0 : exp (row[i] - max);
  for (int64_t i = 0; i < n && sum != 0; i++)
    row[i] /= sum;
}

typedef struct {
  double *row;   /* total: scores, then probabilities */
  double *bias;  /* total */
  double *shown; /* total: what output 3 gets */
  double *out;   /* v_size */
} Scratch;

/* One query row of one head. */
static void
attend (const Attention *a, const double *q, int64_t b, int64_t head, Scratch *s)
{
  int64_t kv = head / (a->heads / a->kv_heads);
  const double *keys = a->k.data + (b * a->kv_heads + kv) * a->total * a->q_size;
  const double *values = a->v.data + (b * a->kv_heads + kv) * a->total * a->v_size;

  for (int64_t j = 0; j < a->total; j++) {
    double sum = 0;

    for (int64_t i = 0; i < a->q_size; i++)
      sum += q[i] * keys[j * a->q_size + i];
    s->row[j] = sum * a->scale;
    if (a->mode == 0)
      s->shown[j] = s->row[j];
    if (a->softcap > 0)
      s->row[j] = a->softcap * tanh (s->row[j] / a->softcap);
    if (a->mode == 1)
      s->shown[j] = s->row[j];
    s->row[j] = s->bias[j] == -INFINITY ? -INFINITY : s->row[j] + s->bias[j];
    if (a->mode == 2)
      s->shown[j] = s->row[j];
  }
  softmax (s->row, a->total);
  for (int64_t i = 0; i < a->v_size; i++)
    s->out[i] = 0;
  for (int64_t j = 0; j < a->total; j++) {
    if (a->mode == 3)
      s->shown[j] = s->row[j];
    for (int64_t i = 0; s->row[j] != 0 && i < a->v_size; i++)
      s->out[i] += s->row[j] * values[j * a->v_size + i];
  }
}

/* All rows; y and scores (nullable) are outputs 0 and 3. */
static gboolean
attend_all (const Attention *a, const Cache *q_dims, GonioTensor *y, GonioTensor *scores,
            GCancellable *cancellable, GError **error)
{
  Cache y_dims = {a->batch, a->heads, a->length, a->v_size, NULL};
  g_autofree double *scratch = NULL;
  Scratch s;

  scratch = ref_alloc (3 * a->total + a->v_size, sizeof *scratch, error);
  if (scratch == NULL)
    return FALSE;
  s = (Scratch){scratch, scratch + a->total, scratch + 2 * a->total, scratch + 3 * a->total};
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t h = 0; h < a->heads; h++)
      for (int64_t t = 0; t < a->length; t++) {
        if (g_cancellable_set_error_if_cancelled (cancellable, error))
          return FALSE;
        row_bias (a, b, h, t, s.bias);
        attend (a, a->q + row_at (q_dims, a->packed, b, h, t), b, h, &s);
        ref_store_f64 (y, row_at (&y_dims, a->packed, b, h, t), a->v_size, s.out);
        if (scores != NULL)
          ref_store_f64 (scores, ((b * a->heads + h) * a->length + t) * a->total, a->total,
                         s.shown);
      }
  return TRUE;
}

static gboolean
run_prepared (Attention *a, GonioKernel *k, const Cache *q_dims, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  g_autofree double *q = NULL;
  g_autofree int64_t *lengths = NULL;
  GonioTensor *y, *scores = NULL;
  int64_t width;

  if (!build_cache (k, 1, 4, 1, &a->k, error) || !build_cache (k, 2, 5, 2, &a->v, error) ||
      !mask_init (a, k, error))
    return FALSE;
  if (!gonio_checked_mul_i64 (a->heads, a->v_size, &width))
    return ref_bad_shape (error, "result is too large");
  y = ref_output (k, 0, dtype,
                  a->packed ? REF_SHAPE (a->batch, a->length, width)
                            : REF_SHAPE (a->batch, a->heads, a->length, a->v_size),
                  error);
  if (y == NULL)
    return FALSE;
  if (ref_wants (k, 3) &&
      (scores = ref_output (k, 3, dtype, REF_SHAPE (a->batch, a->heads, a->length, a->total),
                            error)) == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0 && scores == NULL)
    return TRUE;
  if (ref_in (k, 6) != NULL) {
    if (gonio_tensor_count (k->inputs[6]) != a->batch)
      return ref_bad_shape (error, "nonpad_kv_seqlen needs one number per batch");
    lengths = ref_dup_i64 (k->inputs[6], error);
    if (lengths == NULL)
      return FALSE;
    for (int64_t b = 0; b < a->batch; b++)
      if (lengths[b] < 0 || lengths[b] > a->total)
        return ref_bad_value (error,
                              "nonpad_kv_seqlen is %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                              lengths[b], a->total);
    a->lengths = lengths;
  }
  q = ref_dup_f64 (k->inputs[0], error);
  if (q == NULL)
    return FALSE;
  a->q = q;
  return attend_all (a, q_dims, y, scores, k->cancellable, error);
}

static gboolean
run_attention (GonioKernel *k, GError **error)
{
  Attention a = {0};
  Cache q_dims = {0};
  gboolean ok = attention_init (&a, k, &q_dims, error) && run_prepared (&a, k, &q_dims, error);

  g_free (a.k.data);
  g_free (a.v.data);
  return ok;
}

/* ---- RotaryEmbedding ---- */

typedef struct {
  Cache dims;
  gboolean packed, interleaved;
  int64_t half;                                       /* pairs that are turned */
  const GonioTensor *x, *cosines, *sines, *positions; /* positions nullable */
} Rotary;

/* Row of the caches for a token. */
static gboolean
cache_row (const Rotary *r, int64_t b, int64_t t, int64_t *out, GError **error)
{
  int64_t rows = r->half > 0 ? gonio_tensor_count (r->cosines) / r->half : 0;
  int64_t row = b * r->dims.length + t;

  if (r->positions != NULL) {
    ref_load_i64 (r->positions, row, 1, &row);
    if (row < 0 || row >= rows)
      return ref_bad_value (error, "position %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, row, rows);
  }
  *out = row * r->half;
  return TRUE;
}

static gboolean
rotary_init (Rotary *r, GonioKernel *k, GError **error)
{
  const GonioShape *cosines = gonio_tensor_shape (k->inputs[1]);
  int64_t rotated = ref_attr_int (k, "rotary_embedding_dim", 0), rows;

  *r = (Rotary){.x = k->inputs[0],
                .cosines = k->inputs[1],
                .sines = k->inputs[2],
                .positions = ref_in (k, 3),
                .packed = gonio_tensor_shape (k->inputs[0])->rank == 3,
                .interleaved = ref_attr_int (k, "interleaved", 0) != 0};
  if (!read_dims (r->x, ref_attr_int (k, "num_heads", 0), "input", &r->dims, error))
    return FALSE;
  if (rotated == 0)
    rotated = r->dims.size;
  if (rotated < 0 || rotated > r->dims.size || rotated % 2 != 0)
    return ref_bad_value (
        error, "rotary_embedding_dim is %" G_GINT64_FORMAT " of a head of %" G_GINT64_FORMAT,
        rotated, r->dims.size);
  r->half = rotated / 2;
  rows = r->dims.batch * r->dims.length;
  if (!gonio_shape_equal (cosines, gonio_tensor_shape (r->sines)) ||
      cosines->rank != (r->positions != NULL ? 2 : 3) ||
      cosines->dims[cosines->rank - 1] != r->half ||
      (r->positions != NULL ? gonio_tensor_count (r->positions) != rows
                            : gonio_tensor_count (r->cosines) != rows * r->half))
    return ref_bad_shape (error, "the cosine and sine caches do not fit the input");
  return TRUE;
}

static gboolean
run_rotary (GonioKernel *k, GError **error)
{
  Rotary r;
  GonioTensor *y;

  if (!rotary_init (&r, k, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (r.x), gonio_tensor_shape (r.x), error);
  if (y == NULL)
    return FALSE;
  ref_copy (y, 0, r.x, 0, gonio_tensor_count (y));
  for (int64_t b = 0; gonio_tensor_count (y) > 0 && b < r.dims.batch; b++)
    for (int64_t t = 0; t < r.dims.length; t++) {
      int64_t cache;

      if (!cache_row (&r, b, t, &cache, error))
        return FALSE;
      for (int64_t i = 0; i < r.dims.heads * r.half; i++) {
        int64_t pair = i % r.half, row = row_at (&r.dims, r.packed, b, i / r.half, t);
        int64_t first = row + (r.interleaved ? 2 * pair : pair);
        int64_t second = first + (r.interleaved ? 1 : r.half);
        double cosine = element (r.cosines, cache + pair), sine = element (r.sines, cache + pair);
        double x1 = element (r.x, first), x2 = element (r.x, second);
        double real = cosine * x1 - sine * x2, imaginary = sine * x1 + cosine * x2;

        ref_store_f64 (y, first, 1, &real);
        ref_store_f64 (y, second, 1, &imaginary);
      }
    }
  return TRUE;
}

const RefRow ref_rows_attention[] = {
    {GONIO_OP_ATTENTION,
     run_attention,
     NULL,
     {REF_FLOATS, REF_FLOATS, REF_FLOATS, REF_FLOATS | REF_BOOL, REF_FLOATS, REF_FLOATS,
      REF_T (INT64)},
     0x17,
     0},
    {GONIO_OP_ROTARY_EMBEDDING,
     run_rotary,
     NULL,
     {REF_FLOATS, REF_FLOATS, REF_FLOATS, REF_T (INT64)},
     0x7,
     0},
    {0},
};
