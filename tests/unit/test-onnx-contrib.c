/* The fused operators of com.microsoft, from the file to the result, against their definitions
 * computed here in double. */
#include "tests/support/node-case.h"
#include "tests/support/reference-case.h"

#include <math.h>

#define MS "com.microsoft"

/* Numbers that are all different, between -1 and 1. */
static void
fill (double *out, guint n, double phase)
{
  for (guint i = 0; i < n; i++)
    out[i] = sin (1.7 * i + phase);
}

static GonioTensor *
floats (const char *shape, guint n, const double *values)
{
  return ref_tensor (GONIO_DTYPE_FLOAT, shape, n, values);
}

/* ---- activations and products ---- */

static double
gelu (double x)
{
  return 0.5 * x * (1 + erf (x / sqrt (2)));
}

static void
test_gelus (void)
{
  static const char *const names[] = {"Gelu", "BiasGelu", "FastGelu", "FastGelu", "QuickGelu"};
  double x[6], b[3] = {0.5, -0.25, 1}, y[6];

  fill (x, 6, 0);
  for (int i = 0; i < 5; i++) {
    gboolean biased = i == 1 || i == 3;
    g_autoptr (NodeCase) c = node_case_new (MS, 1, names[i], biased ? "x b" : "x", "y");

    node_case_give (c, "x", NULL, floats ("2 3", 6, x));
    if (biased)
      node_case_hold (c, "b", floats ("3", 3, b));
    for (int k = 0; k < 6; k++) {
      double s = x[k] + (biased ? b[k % 3] : 0);
      y[k] = i < 2   ? gelu (s)
             : i < 4 ? 0.5 * s * (1 + tanh (sqrt (2 / M_PI) * (s + 0.044715 * s * s * s)))
                     : s / (1 + exp (-1.702 * s));
    }
    node_case_expect (c, 0, "2 3", 6, y, 1e-6);
  }
}

static void
test_fused_matmul (void)
{
  double a[12], b[24], y[8];

  fill (a, 12, 0);
  fill (b, 24, 1);
  for (int trans = 0; trans < 4; trans++) {
    gboolean ta = trans & 1, tb = trans & 2;
    g_autoptr (NodeCase) c =
        node_case_new (MS, 1, trans == 3 ? "TransposeMatMul" : "FusedMatMul", "a b", "y");

    node_case_give (c, "a", NULL, floats (ta ? "2 3 2" : "2 2 3", 12, a));
    node_case_give (c, "b", NULL, floats (tb ? "2 2 3" : "2 3 2", 12, b));
    onnx_node_attr (c->node, onnx_attr_int ("transA", ta));
    onnx_node_attr (c->node, onnx_attr_int ("transB", tb));
    onnx_node_attr (c->node, onnx_attr_float ("alpha", 0.5f));
    for (int n = 0; n < 2; n++)
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
          double sum = 0;
          for (int k = 0; k < 3; k++)
            sum +=
                a[6 * n + (ta ? k * 2 + i : i * 3 + k)] * b[6 * n + (tb ? j * 3 + k : k * 2 + j)];
          y[4 * n + 2 * i + j] = 0.5 * sum;
        }
    node_case_expect (c, 0, "2 2 2", 8, y, 1e-6);
  }
}

/* One pixel kernels: y = max (0, w x + b + z). */
static void
test_fused_conv (void)
{
  g_autoptr (NodeCase) c = node_case_new (MS, 1, "FusedConv", "x w b z", "y");
  double x[8], z[12], w[6], b[3] = {0.25, -0.5, 0}, y[12];

  fill (x, 8, 0);
  fill (z, 12, 1);
  fill (w, 6, 2);
  node_case_give (c, "x", NULL, floats ("1 2 2 2", 8, x));
  node_case_hold (c, "w", floats ("3 2 1 1", 6, w));
  node_case_hold (c, "b", floats ("3", 3, b));
  node_case_give (c, "z", NULL, floats ("1 3 2 2", 12, z));
  onnx_node_attr (c->node, onnx_attr_text ("activation", "Relu"));
  for (int m = 0; m < 3; m++)
    for (int p = 0; p < 4; p++)
      y[4 * m + p] = fmax (0, w[2 * m] * x[p] + w[2 * m + 1] * x[4 + p] + b[m] + z[4 * m + p]);
  node_case_expect (c, 0, "1 3 2 2", 12, y, 1e-6);
}

/* ---- normalisations ---- */

#define WIDTH 4

/* Of n rows; mean and deviation nullable; beta nullable. simple: by the root of the mean square. */
static void
normalise (const double *x, guint n, const double *gamma, const double *beta, gboolean simple,
           double *y, double *means, double *inverse)
{
  for (guint r = 0; r < n; r++, x += WIDTH, y += WIDTH) {
    double mean = 0, square = 0;

    for (int i = 0; i < WIDTH && !simple; i++)
      mean += x[i] / WIDTH;
    for (int i = 0; i < WIDTH; i++)
      square += (x[i] - mean) * (x[i] - mean) / WIDTH;
    for (int i = 0; i < WIDTH; i++)
      y[i] = (x[i] - mean) / sqrt (square + 0.125) * gamma[i] + (beta ? beta[i] : 0);
    if (means)
      means[r] = mean;
    if (inverse)
      inverse[r] = 1 / sqrt (square + 0.125);
  }
}

static void
test_skip_layer_norm (void)
{
  double x[24], skip[12], gamma[4], beta[4], bias[4], sum[24], y[24], means[6], inverse[6];

  fill (x, 24, 0);
  fill (skip, 12, 1);
  fill (gamma, 4, 2);
  fill (beta, 4, 3);
  fill (bias, 4, 4);
  for (int i = 0; i < 24; i++)
    sum[i] = x[i] + skip[i % 12] + bias[i % 4];
  for (int simple = 0; simple < 2; simple++) {
    g_autoptr (NodeCase) c = node_case_new (
        MS, 1, simple ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization",
        simple ? "x skip gamma bias" : "x skip gamma beta bias",
        simple ? "y - - sum" : "y mean inverse sum");

    node_case_give (c, "x", NULL, floats ("2 3 4", 24, x));
    node_case_give (c, "skip", NULL, floats ("3 4", 12, skip)); /* the same for all batches */
    node_case_hold (c, "gamma", floats ("4", 4, gamma));
    if (!simple)
      node_case_hold (c, "beta", floats ("4", 4, beta));
    node_case_hold (c, "bias", floats ("4", 4, bias));
    onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.125f));
    normalise (sum, 6, gamma, simple ? NULL : beta, simple, y, means, inverse);
    node_case_expect (c, 0, "2 3 4", 24, y, 1e-6);
    node_case_expect (c, simple ? 1 : 3, "2 3 4", 24, sum, 1e-6);
    if (!simple) {
      node_case_expect (c, 1, "2 3 1", 6, means, 1e-6);
      node_case_expect (c, 2, "2 3 1", 6, inverse, 1e-6);
    }
  }
}

static void
test_layer_norms (void)
{
  double x[12], gamma[4], beta[4], y[12];

  fill (x, 12, 0);
  fill (gamma, 4, 1);
  fill (beta, 4, 2);
  for (int i = 0; i < 3; i++) {
    g_autoptr (NodeCase) c =
        node_case_new (i == 2 ? "" : MS, i == 2 ? 13 : 1,
                       i ? "SimplifiedLayerNormalization" : "LayerNormalization",
                       i ? "x gamma" : "x gamma beta", "y");

    node_case_give (c, "x", NULL, floats ("3 4", 12, x));
    node_case_hold (c, "gamma", floats ("4", 4, gamma));
    if (i == 0)
      node_case_hold (c, "beta", floats ("4", 4, beta));
    onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.125f));
    normalise (x, 3, gamma, i ? NULL : beta, i > 0, y, NULL, NULL);
    node_case_expect (c, 0, "3 4", 12, y, 1e-6);
  }
}

/* ---- EmbedLayerNormalization ---- */

/* Two batches of three tokens; round 0: everything given, 1: as little as possible. */
static void
test_embed (void)
{
  static const int ids[6] = {4, 0, 2, 1, 1, 3}, segments[6] = {0, 1, 1, 0, 0, 1};
  static const int places[6] = {2, 1, 0, 3, 3, 0};
  double words[20], positions[16], kinds[8], gamma[4], beta[4], sum[24], y[24];

  fill (words, 20, 0);
  fill (positions, 16, 1);
  fill (kinds, 8, 2);
  fill (gamma, 4, 3);
  fill (beta, 4, 4);
  for (int round = 0; round < 2; round++) {
    const double lengths[2] = {round ? 0 : 2, round ? 0 : 3};
    g_autoptr (NodeCase) c =
        node_case_new (MS, 1, "EmbedLayerNormalization",
                       round ? "i - w p - g b" : "i s w p k g b m q", "y index sum");

    node_case_give (c, "i", round ? "B S" : NULL, TENSOR_I64 (INT32, "2 3", 4, 0, 2, 1, 1, 3));
    if (round == 0)
      node_case_give (c, "s", NULL, TENSOR_I64 (INT32, "2 3", 0, 1, 1, 0, 0, 1));
    node_case_hold (c, "w", floats ("5 4", 20, words));
    node_case_hold (c, "p", floats ("4 4", 16, positions));
    node_case_hold (c, "g", floats ("4", 4, gamma));
    node_case_hold (c, "b", floats ("4", 4, beta));
    if (round == 0) {
      node_case_hold (c, "k", floats ("2 4", 8, kinds));
      node_case_give (c, "m", NULL, TENSOR_I64 (INT32, "2 3", 1, 1, 0, 1, 1, 1));
      node_case_give (c, "q", NULL, TENSOR_I64 (INT32, "2 3", 2, 1, 0, 3, 3, 0));
    }
    onnx_node_attr (c->node, onnx_attr_float ("epsilon", 0.125f));
    for (int t = 0; t < 6; t++)
      for (int k = 0; k < 4; k++)
        sum[4 * t + k] = words[4 * ids[t] + k] + positions[4 * (round ? t % 3 : places[t]) + k] +
                         (round ? 0 : kinds[4 * segments[t] + k]);
    normalise (sum, 6, gamma, beta, FALSE, y, NULL, NULL);
    node_case_expect (c, 0, "2 3 4", 24, y, 1e-6);
    node_case_expect (c, 1, "2", 2, lengths, 0);
    node_case_expect (c, 2, "2 3 4", 24, sum, 1e-6);
    g_assert_cmpint (gonio_tensor_dtype (c->outputs[1]), ==, GONIO_DTYPE_INT32);
  }
}

/* ---- attention ---- */

#define BATCH  2
#define TOKENS 3
#define HEADS  2
#define SIZE   2 /* of a head */
#define PAST   2
#define KEYS   (PAST + TOKENS)

/* q, k, v [batch,tokens,heads,size]; old_k, old_v [batch,heads,past,size] of n_past tokens;
 * bias [batch,heads,tokens,keys]. */
static void
attend (const double *q, const double *k, const double *v, const double *old_k, const double *old_v,
        int n_past, const double *bias, double scale, gboolean causal, double *y)
{
  int keys = n_past + TOKENS;

  for (int b = 0; b < BATCH; b++)
    for (int h = 0; h < HEADS; h++)
      for (int t = 0; t < TOKENS; t++) {
        double p[KEYS], sum = 0, *to = y + ((b * TOKENS + t) * HEADS + h) * SIZE;

        for (int s = 0; s < keys; s++) {
          const double *key = s < n_past ? old_k + ((b * HEADS + h) * n_past + s) * SIZE
                                         : k + ((b * TOKENS + s - n_past) * HEADS + h) * SIZE;
          p[s] = bias[((b * HEADS + h) * TOKENS + t) * keys + s];
          for (int i = 0; i < SIZE; i++)
            p[s] += scale * q[((b * TOKENS + t) * HEADS + h) * SIZE + i] * key[i];
          p[s] = causal && s > n_past + t ? 0 : exp (p[s]);
          sum += p[s];
        }
        to[0] = to[1] = 0;
        for (int s = 0; s < keys; s++) {
          const double *value = s < n_past ? old_v + ((b * HEADS + h) * n_past + s) * SIZE
                                           : v + ((b * TOKENS + s - n_past) * HEADS + h) * SIZE;
          for (int i = 0; i < SIZE; i++)
            to[i] += p[s] / sum * value[i];
        }
      }
}

/* 0: plain, 1: bias, scale and causal, 2: mask and bias of scores, 3: a past as well. */
static void
test_multi_head_attention (void)
{
  double q[24], k[24], v[24], bias[12], scores[60], old_k[16], old_v[16], y[24], all[60];

  for (int round = 0; round < 4; round++) {
    int past = round == 3 ? PAST : 0, keys = past + TOKENS;
    g_autofree char *score_shape = g_strdup_printf ("2 2 3 %d", keys);
    g_autofree char *mask_shape = g_strdup_printf ("2 %d", keys);
    int64_t mask[10];
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "MultiHeadAttention",
                                            round == 0   ? "q k v"
                                            : round == 1 ? "q k v b"
                                            : round == 2 ? "q k v - m s"
                                                         : "q k v b m s pk pv",
                                            round == 3 ? "y nk nv" : "y");

    fill (q, 24, 0);
    fill (k, 24, 1);
    fill (v, 24, 2);
    fill (bias, 12, 3);
    fill (scores, (guint)(12 * keys), 4);
    fill (old_k, 16, 5);
    fill (old_v, 16, 6);
    node_case_give (c, "q", NULL, floats ("2 3 4", 24, q));
    node_case_give (c, "k", NULL, floats ("2 3 4", 24, k));
    node_case_give (c, "v", NULL, floats ("2 3 4", 24, v));
    if (round & 1)
      node_case_hold (c, "b", floats ("12", 12, bias));
    for (int i = 0; i < 2 * keys; i++)
      mask[i] = i % 4 != 1;
    if (round >= 2) {
      node_case_give (c, "m", NULL,
                      ref_tensor_i64 (GONIO_DTYPE_INT32, mask_shape, (guint)(2 * keys), mask));
      node_case_give (c, "s", NULL, floats (score_shape, (guint)(12 * keys), scores));
    }
    if (round == 3) {
      node_case_give (c, "pk", NULL, floats ("2 2 2 2", 16, old_k));
      node_case_give (c, "pv", NULL, floats ("2 2 2 2", 16, old_v));
    }
    onnx_node_attr (c->node, onnx_attr_int ("num_heads", 2));
    onnx_node_attr (c->node, onnx_attr_int ("unidirectional", round == 1));
    if (round == 1)
      onnx_node_attr (c->node, onnx_attr_float ("scale", 0.75f));
    for (int i = 0; i < 24 && (round & 1); i++) {
      q[i] += bias[i % 4];
      k[i] += bias[4 + i % 4];
      v[i] += bias[8 + i % 4];
    }
    for (int i = 0; i < 12 * keys; i++)
      all[i] = round < 2 ? 0 : scores[i] + (mask[i / (6 * keys) * keys + i % keys] ? 0 : -10000);
    attend (q, k, v, old_k, old_v, past, all, round == 1 ? 0.75 : 1 / sqrt (2), round == 1, y);
    node_case_expect (c, 0, "2 3 4", 24, y, 1e-5);
    if (round == 3) { /* the past stands before the new keys */
      double present[40];
      for (int b = 0; b < 2; b++)
        for (int h = 0; h < 2; h++)
          for (int s = 0; s < 5; s++)
            for (int i = 0; i < 2; i++)
              present[((b * 2 + h) * 5 + s) * 2 + i] =
                  s < 2 ? old_k[((b * 2 + h) * 2 + s) * 2 + i] : k[(b * 3 + s - 2) * 4 + h * 2 + i];
      node_case_expect (c, 1, "2 2 5 2", 40, present, 1e-6);
    }
  }
}

/* mask 0: none, 1: for each key, 2: number of keys. */
static void
test_fused_attention (void)
{
  double x[18], w[36], b[12], q[24], k[24], v[24], y[24], all[36] = {0};

  fill (x, 18, 0);
  fill (w, 36, 1);
  fill (b, 12, 2);
  for (int t = 0; t < 6; t++)
    for (int j = 0; j < 12; j++) {
      double sum = b[j];
      for (int i = 0; i < 3; i++)
        sum += x[3 * t + i] * w[12 * i + j];
      (j < 4 ? q : j < 8 ? k : v)[4 * t + j % 4] = sum;
    }
  for (int mask = 0; mask < 3; mask++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "Attention", mask ? "x w b m" : "x w b", "y");

    node_case_give (c, "x", NULL, floats ("2 3 3", 18, x));
    node_case_hold (c, "w", floats ("3 12", 36, w));
    node_case_hold (c, "b", floats ("12", 12, b));
    if (mask)
      node_case_give (c, "m", NULL,
                      mask == 1 ? TENSOR_I64 (INT32, "2 3", 1, 1, 0, 1, 0, 0)
                                : TENSOR_I64 (INT32, "2", 2, 1));
    onnx_node_attr (c->node, onnx_attr_int ("num_heads", 2));
    for (int i = 0; i < 36; i++)
      all[i] = mask && i % 3 >= (i < 18 ? 2 : 1) ? -10000 : 0;
    attend (q, k, v, NULL, NULL, 0, all, 1 / sqrt (2), FALSE, y);
    node_case_expect (c, 0, "2 3 4", 24, y, 1e-5);
  }
}

/* The same on bytes: x of scale 1/64, weights of one scale or one per column. */
static void
test_q_attention (void)
{
  double x[18], w[36], b[12], q[24], k[24], v[24], y[24], all[36] = {0}, scales[12];
  int64_t x_bytes[18], w_bytes[36], zeros[12];

  fill (b, 12, 2);
  for (int per_column = 0; per_column < 2; per_column++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "QAttention", "x w b xs ws m xz wz", "y");

    for (int i = 0; i < 12; i++) {
      scales[i] = per_column ? (1 + i) / 256.0 : 1 / 64.0;
      zeros[i] = per_column ? i - 5 : 7;
    }
    for (int i = 0; i < 18; i++) {
      x_bytes[i] = i * 53 % 256;
      x[i] = (double)(x_bytes[i] - 128) / 64;
    }
    for (int i = 0; i < 36; i++) {
      w_bytes[i] = i * 71 % 256 - 128;
      w[i] = (double)(w_bytes[i] - zeros[i % 12]) * scales[i % 12];
    }
    for (int t = 0; t < 6; t++)
      for (int j = 0; j < 12; j++) {
        double sum = b[j];
        for (int i = 0; i < 3; i++)
          sum += x[3 * t + i] * w[12 * i + j];
        (j < 4 ? q : j < 8 ? k : v)[4 * t + j % 4] = sum;
      }
    for (int i = 0; i < 36; i++)
      all[i] = i % 3 >= (i < 18 ? 2 : 1) ? -10000 : 0;
    node_case_give (c, "x", NULL, ref_tensor_i64 (GONIO_DTYPE_UINT8, "2 3 3", 18, x_bytes));
    node_case_hold (c, "w", ref_tensor_i64 (GONIO_DTYPE_INT8, "3 12", 36, w_bytes));
    node_case_hold (c, "b", floats ("12", 12, b));
    node_case_hold (c, "xs", TENSOR (FLOAT, "", 1 / 64.0));
    node_case_hold (c, "xz", TENSOR_I64 (UINT8, "", 128));
    node_case_hold (c, "ws", floats (per_column ? "12" : "", per_column ? 12 : 1, scales));
    node_case_hold (
        c, "wz",
        ref_tensor_i64 (GONIO_DTYPE_INT8, per_column ? "12" : "", per_column ? 12 : 1, zeros));
    node_case_give (c, "m", NULL, TENSOR_I64 (INT32, "2", 2, 1));
    onnx_node_attr (c->node, onnx_attr_int ("num_heads", 2));
    attend (q, k, v, NULL, NULL, 0, all, 1 / sqrt (2), FALSE, y);
    node_case_expect (c, 0, "2 3 4", 24, y, 1e-4);
  }
}

/* Two heads of four numbers; 0: heads from the tables, 1: interleaved, 2: half a head turns, with
 * positions, 3: four axes. */
static void
test_rotary (void)
{
  static const int64_t places[6] = {3, 0, 5, 1, 1, 2};
  double x[48], y[48], cosines[12], sines[12];

  fill (x, 48, 0);
  for (int round = 0; round < 4; round++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, "RotaryEmbedding", "x p c s", "y");
    int half = round == 2 ? 1 : 2; /* pairs of a head that turn */

    for (int i = 0; i < 6 * half; i++) {
      cosines[i] = cos (0.3 * i + 1);
      sines[i] = sin (0.3 * i + 1);
    }
    for (int i = 0; i < 48; i++) {
      int head = i / 4 * 4, at = i % 4, token = round == 3 ? i / 4 % 3 : i / 8 % 3, batch = i / 24;
      int place = round == 2 ? (int)places[batch * 3 + token] : 2 + token;
      int pair = round == 1 ? at / 2 : at % half;
      gboolean second = round == 1 ? at % 2 : at >= half;
      double first_x = x[head + (round == 1 ? 2 * pair : pair)];
      double second_x = x[head + (round == 1 ? 2 * pair + 1 : pair + half)];
      double cosine = cosines[place * half + pair], sine = sines[place * half + pair];

      y[i] = at >= 2 * half ? x[i]
             : second       ? sine * first_x + cosine * second_x
                            : cosine * first_x - sine * second_x;
    }
    node_case_give (c, "x", NULL, floats (round == 3 ? "2 2 3 4" : "2 3 8", 48, x));
    node_case_give (c, "p", NULL,
                    round == 2 ? ref_tensor_i64 (GONIO_DTYPE_INT64, "2 3", 6, places)
                               : TENSOR_I64 (INT64, "1", 2));
    node_case_hold (c, "c", floats (half == 1 ? "6 1" : "6 2", (guint)(6 * half), cosines));
    node_case_hold (c, "s", floats (half == 1 ? "6 1" : "6 2", (guint)(6 * half), sines));
    onnx_node_attr (c->node, onnx_attr_int ("interleaved", round == 1));
    if (round == 2) {
      onnx_node_attr (c->node, onnx_attr_int ("num_heads", 2));
      onnx_node_attr (c->node, onnx_attr_int ("rotary_embedding_dim", 2));
    }
    node_case_expect (c, 0, round == 3 ? "2 2 3 4" : "2 3 8", 48, y, 1e-6);
  }
}

/* ---- quantised ---- */

static double
quantised (double real, double scale, int zero)
{
  return CLAMP (rint (real / scale) + zero, 0, 255);
}

/* y of scale 1/16 and zero point 10 from x of scale 1/8 and zero point 100. */
static NodeCase *
quantised_case (const char *op, const char *shape, guint n, const int64_t *x)
{
  NodeCase *c = node_case_new (MS, 1, op, "x xs xz ys yz", "y");

  node_case_give (c, "x", NULL, ref_tensor_i64 (GONIO_DTYPE_UINT8, shape, n, x));
  node_case_hold (c, "xs", TENSOR (FLOAT, "", 0.125));
  node_case_hold (c, "xz", TENSOR_I64 (UINT8, "", 100));
  node_case_hold (c, "ys", TENSOR (FLOAT, "", 0.0625));
  node_case_hold (c, "yz", TENSOR_I64 (UINT8, "", 10));
  return c;
}

static const int64_t bytes[12] = {0, 60, 95, 100, 101, 103, 107, 120, 90, 99, 111, 255};

static void
test_qlinear_unary (void)
{
  static const char *const names[] = {"QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"};
  double y[12];

  for (int which = 0; which < 3; which++) {
    g_autoptr (NodeCase) c = quantised_case (names[which], "2 6", 12, bytes);

    if (which == 1)
      onnx_node_attr (c->node, onnx_attr_float ("alpha", 0.25f));
    if (which == 2)
      onnx_node_attr (c->node, onnx_attr_int ("axis", 1));
    for (int i = 0; i < 12; i++) {
      double x = (double)(bytes[i] - 100) / 8, sum = 0;
      for (int k = 0; k < 6; k++)
        sum += exp ((double)(bytes[i / 6 * 6 + k] - 100) / 8 - x);
      x = which == 0 ? 1 / (1 + exp (-x)) : which == 1 ? (x < 0 ? 0.25 * x : x) : 1 / sum;
      y[i] = quantised (x, 0.0625, 10);
    }
    node_case_expect (c, 0, "2 6", 12, y, 0);
  }
}

static void
test_quantize (void)
{
  static const double codes[4] = {65535, 32768, 32771, 32765}, reals[4] = {0.5, -1, 0, 63.5};
  g_autoptr (NodeCase) to = node_case_new (MS, 1, "QuantizeLinear", "x s z", "y");
  g_autoptr (NodeCase) back = node_case_new (MS, 1, "DequantizeLinear", "x s z", "y");

  node_case_give (to, "x", NULL, TENSOR (FLOAT, "4", 1e9, 0, 1.5, -1.5));
  node_case_hold (to, "s", TENSOR (FLOAT, "", 0.5));
  node_case_hold (to, "z", TENSOR_I64 (UINT16, "", 32768));
  node_case_expect (to, 0, "4", 4, codes, 0);
  node_case_give (back, "x", NULL, TENSOR_I64 (INT8, "4", 1, -2, 0, 127));
  node_case_hold (back, "s", TENSOR (FLOAT, "", 0.5));
  node_case_hold (back, "z", TENSOR_I64 (INT8, "", 0));
  node_case_expect (back, 0, "4", 4, reals, 0);
}

static void
test_qlinear_binary (void)
{
  for (int mul = 0; mul < 2; mul++) {
    g_autoptr (NodeCase) c =
        node_case_new (MS, 1, mul ? "QLinearMul" : "QLinearAdd", "a as az b bs - ys yz", "y");
    double y[12];

    node_case_give (c, "a", NULL, ref_tensor_i64 (GONIO_DTYPE_UINT8, "3 4", 12, bytes));
    node_case_hold (c, "as", TENSOR (FLOAT, "", 0.125));
    node_case_hold (c, "az", TENSOR_I64 (UINT8, "", 100));
    node_case_give (c, "b", NULL, TENSOR_I64 (UINT8, "4", 0, 1, 2, 40));
    node_case_hold (c, "bs", TENSOR (FLOAT, "", 0.25));
    node_case_hold (c, "ys", TENSOR (FLOAT, "", 0.5));
    node_case_hold (c, "yz", TENSOR_I64 (UINT8, "", 10));
    for (int i = 0; i < 12; i++) {
      double a = (double)(bytes[i] - 100) / 8, b = (const double[4]){0, 0.25, 0.5, 10}[i % 4];
      y[i] = quantised (mul ? a * b : a + b, 0.5, 10);
    }
    node_case_expect (c, 0, "3 4", 12, y, 0);
  }
}

static void
test_qlinear_pools (void)
{
  g_autoptr (NodeCase) global = quantised_case ("QLinearGlobalAveragePool", "1 2 2 3", 12, bytes);
  g_autoptr (NodeCase) pool = quantised_case ("QLinearAveragePool", "1 1 3 4", 12, bytes);
  g_autoptr (NodeCase) last = quantised_case ("QLinearAveragePool", "1 3 4 1", 12, bytes);
  g_autoptr (NodeCase) flat = quantised_case ("QLinearAveragePool", "3 4", 12, bytes);
  int64_t turned[12];
  const gint64 kernel[2] = {2, 2}, pads[4] = {0, 0, 1, 0}, strides[2] = {2, 2};
  double means[2] = {0}, y[4];

  for (int i = 0; i < 12; i++)
    means[i / 6] += (double)(bytes[i] - 100) / 8 / 6;
  for (int i = 0; i < 2; i++)
    means[i] = quantised (means[i], 0.0625, 10);
  node_case_expect (global, 0, "1 2 1 1", 2, means, 0);
  for (int i = 0; i < 12; i++)
    turned[i % 6 * 2 + i / 6] = bytes[i];
  g_autoptr (NodeCase) global_last =
      quantised_case ("QLinearGlobalAveragePool", "1 2 3 2", 12, turned);
  onnx_node_attr (global_last->node, onnx_attr_int ("channels_last", 1));
  node_case_expect (global_last, 0, "1 1 1 2", 2, means, 0);
  NodeCase *all[3] = {pool, last, flat};
  for (int i = 0; i < 3; i++) {
    onnx_node_attr (all[i]->node, onnx_attr_ints ("kernel_shape", 2, kernel));
    onnx_node_attr (all[i]->node, onnx_attr_ints ("pads", 4, pads));
    onnx_node_attr (all[i]->node, onnx_attr_ints ("strides", 2, strides));
    onnx_node_attr (all[i]->node, onnx_attr_text ("auto_pad", "NOTSET"));
    if (i > 0)
      onnx_node_attr (all[i]->node, onnx_attr_int ("channels_last", 1));
  }
  for (int i = 0; i < 4; i++) { /* the last row has nothing below it */
    int at = i / 2 * 8 + i % 2 * 2, rows = i < 2 ? 2 : 1;
    double sum = 0;
    for (int r = 0; r < rows; r++)
      sum += (double)(bytes[at + 4 * r] + bytes[at + 4 * r + 1] - 200) / 8;
    y[i] = quantised (sum / (2 * rows), 0.0625, 10);
  }
  node_case_expect (pool, 0, "1 1 2 2", 4, y, 0);
  node_case_expect (last, 0, "1 2 2 1", 4, y, 0);
  node_case_refused (flat, "channels last");
}

static void
test_qlinear_mean (void)
{
  const gint64 axes[2] = {-1, 0};

  for (int keep = 0; keep < 2; keep++) { /* over axes 0 and 2 of [2,2,3], or over all */
    g_autoptr (NodeCase) c = quantised_case ("QLinearReduceMean", "2 2 3", 12, bytes);
    double y[2] = {0};

    for (int i = 0; i < 12; i++)
      y[keep ? i / 3 % 2 : 0] += (double)(bytes[i] - 100) / 8 / (keep ? 6 : 12);
    for (int i = 0; i < 2; i++)
      y[i] = quantised (y[i], 0.0625, 10);
    if (keep)
      onnx_node_attr (c->node, onnx_attr_ints ("axes", 2, axes));
    onnx_node_attr (c->node, onnx_attr_int ("keepdims", keep));
    node_case_expect (c, 0, keep ? "1 2 1" : "", keep ? 2 : 1, y, 0);
  }
}

static void
test_qlinear_where (void)
{
  g_autoptr (NodeCase) c = node_case_new (MS, 1, "QLinearWhere", "c x xs xz y ys yz zs zz", "z");
  static const double expected[4] = {8, 10, 40, 18};

  node_case_give (c, "c", NULL, TENSOR_I64 (BOOL, "2 1", 1, 0));
  node_case_give (c, "x", NULL, TENSOR_I64 (UINT8, "2", 0, 1));
  node_case_hold (c, "xs", TENSOR (FLOAT, "", 1));
  node_case_hold (c, "xz", TENSOR_I64 (UINT8, "", 1));
  node_case_give (c, "y", NULL, TENSOR_I64 (UINT8, "2", 65, 21));
  node_case_hold (c, "ys", TENSOR (FLOAT, "", 0.25));
  node_case_hold (c, "yz", TENSOR_I64 (UINT8, "", 5));
  node_case_hold (c, "zs", TENSOR (FLOAT, "", 0.5));
  node_case_hold (c, "zz", TENSOR_I64 (UINT8, "", 10));
  node_case_expect (c, 0, "2 2", 4, expected, 0);
}

static void
test_qlinear_concat (void)
{
  g_autoptr (NodeCase) c = node_case_new (MS, 1, "QLinearConcat", "ys yz a as az b bs bz", "y");
  static const double expected[5] = {8, 12, 2, 10, 26};

  node_case_hold (c, "ys", TENSOR (FLOAT, "", 0.5));
  node_case_hold (c, "yz", TENSOR_I64 (UINT8, "", 10));
  node_case_give (c, "a", NULL, TENSOR_I64 (UINT8, "2", 0, 2));
  node_case_hold (c, "as", TENSOR (FLOAT, "", 1));
  node_case_hold (c, "az", TENSOR_I64 (UINT8, "", 1));
  node_case_give (c, "b", NULL, TENSOR_I64 (UINT8, "3", 3, 5, 9));
  node_case_hold (c, "bs", TENSOR (FLOAT, "", 2));
  node_case_hold (c, "bz", TENSOR_I64 (UINT8, "", 5));
  onnx_node_attr (c->node, onnx_attr_int ("axis", 0));
  node_case_expect (c, 0, "5", 5, expected, 0);
}

/* ---- as in the standard domain ---- */

static void
test_standard (void)
{
  static const double upper[6] = {0, 1, 2, 0, 4, 5}, gathered[2] = {3, 1}, range[3] = {1, 3, 5};
  static const double sampled[2] = {2.5, 5}; /* in the middle, and at a corner of the pixels */
  g_autoptr (NodeCase) trilu = node_case_new (MS, 1, "Trilu", "x", "y");
  g_autoptr (NodeCase) gather = node_case_new (MS, 1, "GatherND", "x i", "y");
  g_autoptr (NodeCase) count = node_case_new (MS, 1, "Range", "a b c", "y");
  g_autoptr (NodeCase) grid = node_case_new (MS, 1, "GridSample", "x g", "y");

  node_case_give (trilu, "x", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 3"));
  onnx_node_attr (trilu->node, onnx_attr_int ("upper", 1));
  node_case_expect (trilu, 0, "2 3", 6, upper, 0);
  node_case_give (gather, "x", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "2 3"));
  node_case_give (gather, "i", NULL, TENSOR_I64 (INT64, "2 2", 1, 0, 0, 1));
  node_case_expect (gather, 0, "2", 2, gathered, 0);
  node_case_give (count, "a", NULL, TENSOR (FLOAT, "", 1));
  node_case_give (count, "b", NULL, TENSOR (FLOAT, "", 7));
  node_case_give (count, "c", NULL, TENSOR (FLOAT, "", 2));
  node_case_expect (count, 0, "3", 3, range, 0);
  node_case_give (grid, "x", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 1 2 3"));
  node_case_give (grid, "g", NULL, TENSOR (FLOAT, "1 1 2 2", 0, 0, 1, 1));
  onnx_node_attr (grid->node, onnx_attr_text ("mode", "bilinear"));
  onnx_node_attr (grid->node, onnx_attr_int ("align_corners", 1));
  node_case_expect (grid, 0, "1 1 1 2", 2, sampled, 1e-6);
}

/* ---- what is refused ---- */

static void
test_refuses (void)
{
  static const struct {
    const char *op, *inputs, *outputs, *attr, *text;
  } rows[] = {
      {"MultiHeadAttention", "x", "y", "num_heads", "three tensors"},
      {"MultiHeadAttention", "x x x", "y", NULL, "num_heads” is missing"},
      {"MultiHeadAttention", "x x x - - - - - n", "y", "num_heads", "shared caches"},
      {"MultiHeadAttention", "x x x - x", "y", "num_heads", "[batch,keys]"},
      {"Attention", "x w", "y z", "num_heads", "a past"},
      {"Attention", "x v", "y", "num_heads", "known shape"},
      {"SkipLayerNormalization", "x x", "y", NULL, "input 2 is missing"},
      {"SkipSimplifiedLayerNormalization", "x x n", "y m", NULL, "not given out"},
      {"EmbedLayerNormalization", "x x w w - n n", "y", NULL, "input 4 is missing"},
      {"RotaryEmbedding", "x n w", "y", NULL, "four inputs"},
      {"RotaryEmbedding", "x n w w", "y", "scale_", "not known"},
      {"RotaryEmbedding", "x n w w", "y", "is_packed_batching", "packed batches"},
      {"RotaryEmbedding", "x n w w", "y", "rotary_embedding_dim", "num_heads is needed"},
      {"RotaryEmbedding", "x n w w", "y", NULL, "do not fit"},
      {"RotaryEmbedding", "n n w w", "y", NULL, "known rank"},
      {"QAttention", "x w n n", "y", "num_heads", "input 4 is missing"},
      {"QLinearWhere", "x n x n", "y", NULL, "at least 8"},
      {"QLinearSigmoid", "x n", "y", NULL, "at least 4"},
      {"QLinearConcat", "x n x n", "y", NULL, "axis"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (NodeCase) c = node_case_new (MS, 1, rows[i].op, rows[i].inputs, rows[i].outputs);

    node_case_give (c, "x", NULL, ref_tensor_count_up (GONIO_DTYPE_FLOAT, "1 2 4"));
    node_case_hold (c, "n", TENSOR (FLOAT, "4", 1, 1, 1, 1));
    node_case_hold (c, "w", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "4 12"));
    node_case_hold (c, "v", ref_tensor_count_up (GONIO_DTYPE_FLOAT, "4 5"));
    if (rows[i].attr)
      onnx_node_attr (c->node, onnx_attr_int (rows[i].attr, 2));
    node_case_refused (c, rows[i].text);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/onnx-contrib/gelus", test_gelus);
  g_test_add_func ("/onnx-contrib/fused-matmul", test_fused_matmul);
  g_test_add_func ("/onnx-contrib/fused-conv", test_fused_conv);
  g_test_add_func ("/onnx-contrib/skip-layer-norm", test_skip_layer_norm);
  g_test_add_func ("/onnx-contrib/layer-norms", test_layer_norms);
  g_test_add_func ("/onnx-contrib/embed", test_embed);
  g_test_add_func ("/onnx-contrib/multi-head-attention", test_multi_head_attention);
  g_test_add_func ("/onnx-contrib/fused-attention", test_fused_attention);
  g_test_add_func ("/onnx-contrib/q-attention", test_q_attention);
  g_test_add_func ("/onnx-contrib/rotary", test_rotary);
  g_test_add_func ("/onnx-contrib/qlinear-unary", test_qlinear_unary);
  g_test_add_func ("/onnx-contrib/quantize", test_quantize);
  g_test_add_func ("/onnx-contrib/qlinear-binary", test_qlinear_binary);
  g_test_add_func ("/onnx-contrib/qlinear-pools", test_qlinear_pools);
  g_test_add_func ("/onnx-contrib/qlinear-concat", test_qlinear_concat);
  g_test_add_func ("/onnx-contrib/qlinear-mean", test_qlinear_mean);
  g_test_add_func ("/onnx-contrib/qlinear-where", test_qlinear_where);
  g_test_add_func ("/onnx-contrib/standard", test_standard);
  g_test_add_func ("/onnx-contrib/refuses", test_refuses);
  return g_test_run ();
}
