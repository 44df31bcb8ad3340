/* Reductions, softmax and normalisations of the OpenGL backends against the reference. The argument
 * names the backend. */
#include "tests/backend/gl-test.h"

/* ---- reductions ---- */

/* Behind the operator's name. */
static const char *const reductions[] = {
    "(f:2,3,5,4)",
    "(f:2,3,5,4; k:1)",
    "(f:2,8,5,4; k:2,3)",
    "(f:2,7,5,4; k:2,3)",
    "(f:2,7,5,4; k:2,3) keepdims=0",
    "(f:1,7,5,4; k:-1,-2) keepdims=0",
    "(f:2,7,5,4; k:3) keepdims=0",
    "(f:2,7,5,4; k:0,2)",
    "(f:2,7,5,4; k:0,2) keepdims=0",
    "(f:2,7,6,3; k:0,2)",
    "(f:3,5,7; k:1)",
    "(f:3,5,8; k:1)",
    "(f:3,5,8; k:0)",
    "(f:3,8; k:1) keepdims=0",
    "(f:9,8; k:1) keepdims=0",
    "(f:3,8; k:0)",
    "(f:5; k:0) keepdims=0",
    "(f:2,3,2,3,2,3; k:1,3,5)",
    "(f:2,3,2,3,2,3; k:0,2,4)",
    "(f:2,3,2,3,2,4; k:0,2,4) keepdims=0",
    "(f:2,3,4; k:) noop_with_empty_axes=1",
    "(f:2,3,5; k:) noop_with_empty_axes=1",
    "(f:2,3,4; k:)",
    "(f:)",
    "(f:1,1,1; k:1)",
    "(f:0,3; k:1)",
    "(f:0,3; k:0)",
    "(f:2,0,3; k:1)",
};
static const char *const reducing[] = {
    "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMin", "ReduceMean", "ReduceProd",   "ReduceSum",       "ReduceSumSquare"};

/* Several stages. */
static const char *const long_sums[] = {
    "ReduceSum(f:100003)",
    "ReduceSumSquare(f:3,70000; k:1)",
    "ReduceMean(f:70001,3; k:0)",
    "ReduceLogSumExp(f:8,9,33,31; k:0,2,3)",
    "ReduceMax(f:2,3,200,211; k:2,3)",
    "ReduceL2(f:1200000)",
    "ReduceMean(f:1,5,300,311; k:2,3)",
    "ReduceProd(f:4001)",
    "GlobalAveragePool(f:1,5,300,311)",
};

static const char *const pools[] = {
    "GlobalAveragePool(f:2,37,7,5)", "GlobalAveragePool(f:1,3,9)", "GlobalAveragePool(f:1,3,4,5,6)",
    "GlobalMaxPool(f:2,6,7,5)",      "GlobalLpPool(f:2,6,7,5)",    "GlobalLpPool(f:2,6,7,5) p=1",
    "GlobalLpPool(f:2,6,7,5) p=3",
};

/* ---- along rows ---- */

/* Behind the operator's name. */
static const char *const rows[] = {
    "(f:2,3,5,4)",
    "(f:2,7,5,4) axis=1",
    "(f:2,8,5,4) axis=1",
    "(f:1,1,5,4) axis=1",
    "(f:2,7,5,4) axis=0",
    "(f:2,7,5,4) axis=-2",
    "(f:12,8)",
    "(f:3,7)",
    "(f:9)",
    "(f:1)",
    "(f:0,3)",
    "(f:2,0,3) axis=1",
    "(f:3,1030)",
    "(f:2,5003)",
    "(f:2,4100,3) axis=1",
    "(f:1,2100,4,3) axis=1",
};
static const char *const along[] = {"Softmax", "LogSoftmax", "Hardmax", "LpNormalization"};

static const char *const normal[] = {
    "LpNormalization(f:3,7) p=1",
    "LpNormalization(f:2,8,5,4) axis=1 p=1",
    "LayerNormalization(f:6,8; c:8; c:8)",
    "LayerNormalization(f:6,8; f:8; f:8) epsilon=0.1",
    "LayerNormalization(f:2,5,7; c:7)",
    "LayerNormalization(f:2,5,7; c:2,5,7; c:2,5,7) axis=0",
    "LayerNormalization(f:2,5,8; c:5,8; c:5,8) axis=1",
    "LayerNormalization(f:2,3,5,7; c:3,5,7; c:3,5,7) axis=1",
    "LayerNormalization(f:2,3000; c:3000; c:3000)",
    "LayerNormalization(f:2,3001; c:3001; c:3001)",
    "RMSNormalization(f:6,8; c:8)",
    "RMSNormalization(f:2,5,7; c:5,7) axis=1",
    "InstanceNormalization(f:2,8,5,4; c:8; c:8)",
    "InstanceNormalization(f:2,7,9; f:7; f:7) epsilon=0.2",
    "InstanceNormalization(f:1,3,2,3,4; c:3; c:3)",
    "InstanceNormalization(f:1,3,120,90; c:3; c:3)",
    "GroupNormalization(f:2,8,5,4; c:8; c:8) num_groups=2",
    "GroupNormalization(f:2,9,5,4; c:9; f:9) num_groups=3",
    "GroupNormalization(f:2,6,5,4; c:6; c:6) num_groups=1",
    "GroupNormalization(f:2,6,5,4; c:6; c:6) num_groups=6 epsilon=0.1",
    "MeanVarianceNormalization(f:2,7,5,4)",
    "MeanVarianceNormalization(f:2,8,5,4) axes=2,3",
    "MeanVarianceNormalization(f:2,8,5) axes=0,2",
    "LRN(f:2,11,5,4) size=5",
    "LRN(f:2,11,5,4) size=4 alpha=0.5 beta=0.6 bias=2",
    "LRN(f:1,3,5) size=1",
    "LRN(f:1,3,5,4) size=9",
    "LpPool(f:1,3,9,9) kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
    "LpPool(f:2,5,7,8) kernel_shape=2,3 p=1",
    "LpPool(f:1,4,9) kernel_shape=3 dilations=2 p=3",
};

static const char *const attention[] = {
    "Attention(f:2,3,5,8; f:2,3,7,8; f:2,3,7,4)",
    "Attention(f:2,4,5,6; f:2,2,7,6; f:2,2,7,3)",
    "Attention(f:2,5,24; f:2,7,24; f:2,7,24) q_num_heads=3 kv_num_heads=3",
    "Attention(f:2,5,24; f:2,7,12; f:2,7,10) q_num_heads=4 kv_num_heads=2 scale=0.3",
    "Attention(f:1,2,5,8; f:1,2,5,8; f:1,2,5,8) is_causal=1 softcap=0.5",
    "Attention(f:2,3,5,8; f:2,3,7,8; f:2,3,7,4; f:5,7)",
    "Attention(f:2,3,5,8; f:2,3,7,8; f:2,3,7,4; f:2,1,5,7)",
    "Attention(f:2,3,5,8; f:2,3,7,8; f:2,3,7,4; f:3,1,5)",
    "Attention(f:1,1,1,8; f:1,1,300,8; f:1,1,300,4)",
    "Attention(f:2,5,24; f:2,8,24; f:2,8,24) q_num_heads=3 kv_num_heads=3",
    "RotaryEmbedding(f:2,3,5,8; f:2,5,4; f:2,5,4)",
    "RotaryEmbedding(f:2,5,18; c:2,5,3; c:2,5,3) num_heads=3 interleaved=1",
    "RotaryEmbedding(f:2,5,18; f:2,5,2; f:2,5,2) num_heads=3 rotary_embedding_dim=4",
};

static const char *const einsum[] = {
    "Einsum(f:3,5; f:5,4) equation=ij,jk->ik",
    "Einsum(f:3,5; f:5,4) equation=ij,jk",
    "Einsum(f:2,3,5; f:2,5,4) equation=bij,bjk->bik",
    "Einsum(f:2,5,3,7; f:2,6,3,7) equation=bqhd,bkhd->bhqk",
    "Einsum(f:4,4) equation=ii->i",
    "Einsum(f:4,4) equation=ii->",
    "Einsum(f:4,5) equation=ij->ji",
    "Einsum(f:4,5) equation=ij->",
    "Einsum(f:5; f:3) equation=i,j->ij",
    "Einsum(f:2,3,4,5; f:5,3) equation=...ij,jk->...ik",
    "Einsum(f:2,1,4,5; f:3,5,3) equation=...ij,...jk",
    "Einsum(f:200; f:200) equation=i,i->",
};

/* What is no number, and what has no end. */
static const char *const specials[] = {
    "ReduceMax(v:1,nan,2)",       "ReduceMin(v:nan,1,2,3,4)",
    "ReduceMax(v:-inf,-inf)",     "ReduceSum(v:inf,1)",
    "ReduceSum(v:inf,-inf)",      "ReduceLogSumExp(v:-inf,-inf)",
    "ReduceLogSumExp(v:inf,1)",   "ReduceLogSumExp(v:-inf,1,2,3)",
    "ReduceLogSumExp(v:200,201)", "Softmax(v:-inf,1,2,-inf,-inf)",
    "Softmax(v:-inf,-inf)",       "Softmax(v:nan,1)",
    "Softmax(v:inf,1)",           "LogSoftmax(v:-inf,1,2)",
    "Hardmax(v:nan,1)",           "Hardmax(v:-inf,-inf)",
    "Hardmax(v:2,3,3)",           "LpNormalization(v:0,0,0)",
};

static const char *const refused[] = {
    "ReduceSum(f:2,3; i1:1)",
    "ArgMax(f:2,3)",
    "LayerNormalization(f:6,8; c:8; c:8) out=3",
    "LayerNormalization(f:8,8; c:8,1)",
    "LayerNormalization(f:2,5,7; c:5,7) axis=0",
    "InstanceNormalization(f:2,8; c:8; c:8)",
    "MeanVarianceNormalization(f:2,8,5,4) axes=1,2",
    "LRN(f:2,8) size=3",
    "Einsum(f:3; f:3; f:3) equation=i,i,i->",
    "Attention(f:1,1,5,8; f:1,1,5,8; f:1,1,5,8) out=3",
    "Attention(f:1,1,5,8; f:1,1,5,8; f:1,1,5,8; b:5,5)",
    "RotaryEmbedding(f:2,3,5,8; f:9,4; f:9,4; i9:2,5)",
};

static void
run_all (const char *const *operators, guint n_operators, const char *const *cases, guint n)
{
  for (guint r = 0; r < n_operators; r++)
    for (guint i = 0; i < n; i++) {
      g_autofree char *text = g_strconcat (operators[r], cases[i], NULL);
      const char *const one[] = {text};
      gl_test_run_cases (one, 1);
    }
}

static void
test_reduce (void)
{
  run_all (reducing, G_N_ELEMENTS (reducing), reductions, G_N_ELEMENTS (reductions));
}

static void
test_rows (void)
{
  run_all (along, G_N_ELEMENTS (along), rows, G_N_ELEMENTS (rows));
}

/* And rows some of whose parts are masked out altogether. */
static void
test_special (void)
{
  g_autoptr (GString) text = g_string_new ("Softmax(v:-inf");
  for (int i = 0; i < 5000; i++)
    g_string_append (text, i == 3001 ? ",1" : i == 3003 ? ",2" : ",-inf");
  g_string_append (text, ")");
  const char *const masked[] = {text->str};
  gl_test_run_cases (specials, G_N_ELEMENTS (specials));
  gl_test_run_cases (masked, 1);
}

int
main (int argc, char **argv)
{
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  g_test_add_func ("/gl-reduce/reduce", test_reduce);
  gl_test_add_cases ("/gl-reduce/long", long_sums, G_N_ELEMENTS (long_sums));
  g_test_add_func ("/gl-reduce/rows", test_rows);
  gl_test_add_cases ("/gl-reduce/normal", normal, G_N_ELEMENTS (normal));
  g_test_add_func ("/gl-reduce/special", test_special);
  gl_test_add_cases ("/gl-reduce/attention", attention, G_N_ELEMENTS (attention));
  gl_test_add_cases ("/gl-reduce/einsum", einsum, G_N_ELEMENTS (einsum));
  gl_test_add_cases ("/gl-reduce/pools", pools, G_N_ELEMENTS (pools));
  gl_test_add_refused ("/gl-reduce/refused", refused, G_N_ELEMENTS (refused));
  return g_test_run ();
}
