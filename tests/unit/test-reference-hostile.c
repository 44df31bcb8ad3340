/* Every operator of the reference backend on nodes nobody meant: random types, shapes, values
 * and attributes, empty tensors and extreme numbers among them. Each call must either give all
 * its outputs or one error, the same way twice, and never crash (the sanitized build runs this
 * too). Seeded: a failure repeats. */
#include "core/tensor/list.h"
#include "tests/support/reference-case.h"

#include "backends/reference/reference.h"

#include <math.h>
#include <string.h>

#define ROUNDS 150

static int64_t
pick_int (GRand *rand)
{
  static const int64_t wild[] = {G_MININT64,    G_MAXINT64, 1LL << 62,
                                 -(1LL << 62),  1LL << 40,  -(1LL << 40),
                                 G_MINLONG + 1, -7,         64};

  if (g_rand_int_range (rand, 0, 8) > 0)
    return g_rand_int_range (rand, -2, 7);
  return wild[g_rand_int_range (rand, 0, G_N_ELEMENTS (wild))];
}

static double
pick_double (GRand *rand)
{
  static const double wild[] = {NAN, INFINITY, -INFINITY, 1e30, -1e30, 1e-30, 0.5, 1.5, -0.25};

  if (g_rand_int_range (rand, 0, 4) > 0)
    return g_rand_int_range (rand, -2, 7);
  return wild[g_rand_int_range (rand, 0, G_N_ELEMENTS (wild))];
}

static const char *
pick_text (GRand *rand)
{
  static const char *const words[] = {"",
                                      "nearest",
                                      "linear",
                                      "cubic",
                                      "bilinear",
                                      "zeros",
                                      "border",
                                      "reflection",
                                      "constant",
                                      "edge",
                                      "reflect",
                                      "wrap",
                                      "SAME_UPPER",
                                      "SAME_LOWER",
                                      "VALID",
                                      "NOTSET",
                                      "half_pixel",
                                      "align_corners",
                                      "asymmetric",
                                      "tf_crop_and_resize",
                                      "pytorch_half_pixel",
                                      "not_larger",
                                      "forward",
                                      "reverse",
                                      "bidirectional",
                                      "add",
                                      "mul",
                                      "max",
                                      "none",
                                      "mean",
                                      "sum",
                                      "avg",
                                      "LEFT",
                                      "RIGHT",
                                      "DCR",
                                      "CRD",
                                      "tanh",
                                      "TF",
                                      "IDF",
                                      "LOWER",
                                      "circular",
                                      "1.5",
                                      "x y",
                                      "ij,jk->ik",
                                      "ii->i",
                                      "...ij->...ji",
                                      "i,j->ij",
                                      "abc->",
                                      "->",
                                      "a,",
                                      "...",
                                      "ii,ii,ii->",
                                      "(a+)+$",
                                      "[",
                                      "Tanh",
                                      "Relu",
                                      "Affine",
                                      "Clip",
                                      "Swish",
                                      "\xff\xfe"};

  return words[g_rand_int_range (rand, 0, G_N_ELEMENTS (words))];
}

static GonioDType
pick_dtype (GRand *rand)
{
  static const GonioDType usual[] = {GONIO_DTYPE_FLOAT,  GONIO_DTYPE_FLOAT, GONIO_DTYPE_INT64,
                                     GONIO_DTYPE_INT64,  GONIO_DTYPE_INT32, GONIO_DTYPE_BOOL,
                                     GONIO_DTYPE_UINT8,  GONIO_DTYPE_INT8,  GONIO_DTYPE_STRING,
                                     GONIO_DTYPE_FLOAT16};

  if (g_rand_int_range (rand, 0, 6) > 0)
    return usual[g_rand_int_range (rand, 0, G_N_ELEMENTS (usual))];
  return (GonioDType)g_rand_int_range (rand, 1, GONIO_DTYPE_COUNT);
}

static GonioShape
pick_shape (GRand *rand)
{
  static const int64_t dims[] = {0, 1, 1, 2, 2, 3, 4, 5};
  GonioShape shape = {.rank = g_rand_int_range (rand, 0, 6)};

  for (int d = 0; d < shape.rank; d++)
    shape.dims[d] = dims[g_rand_int_range (rand, 0, G_N_ELEMENTS (dims))];
  return shape;
}

/* Values in range of what kernels do with a type; strings are words, everything else bits. */
static GonioTensor *
pick_tensor (GRand *rand, GonioDType dtype, const GonioShape *shape)
{
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, shape, NULL);
  guint8 *bytes;

  g_assert_nonnull (tensor);
  if (dtype != GONIO_DTYPE_FLOAT && dtype != GONIO_DTYPE_INT64 && dtype != GONIO_DTYPE_INT32 &&
      dtype != GONIO_DTYPE_STRING && dtype != GONIO_DTYPE_BOOL) {
    bytes = gonio_tensor_writable_data (tensor);
    for (size_t i = 0; i < gonio_tensor_size (tensor); i++)
      bytes[i] = (guint8)g_rand_int_range (rand, 0, 256);
    return tensor;
  }
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    void *data = gonio_tensor_writable_data (tensor);

    if (dtype == GONIO_DTYPE_FLOAT)
      ((float *)data)[i] = (float)pick_double (rand);
    else if (dtype == GONIO_DTYPE_INT64)
      ((int64_t *)data)[i] = pick_int (rand);
    else if (dtype == GONIO_DTYPE_INT32)
      ((int32_t *)data)[i] = (int32_t)pick_int (rand);
    else if (dtype == GONIO_DTYPE_BOOL)
      ((guint8 *)data)[i] = (guint8)g_rand_int_range (rand, 0, 2);
    else
      g_assert_true (gonio_tensor_set_string (tensor, i, pick_text (rand), NULL));
  }
  return tensor;
}

static void
pick_attribute (GRand *rand, RefCase *c, const GonioAttrSchema *attr)
{
  GonioNodeId node = ref_case_node (c);
  guint n = (guint)g_rand_int_range (rand, 0, 6);
  GonioShape one = {.rank = 1, .dims = {g_rand_int_range (rand, 0, 3)}};
  int64_t ints[6];
  float floats[6];
  const char *words[6];

  for (guint i = 0; i < 6; i++) {
    ints[i] = pick_int (rand);
    floats[i] = (float)pick_double (rand);
    words[i] = pick_text (rand);
  }
  switch (attr->type) {
  case GONIO_ATTR_INT:
    gonio_graph_set_attr_int (c->graph, node, attr->name, ints[0]);
    break;
  case GONIO_ATTR_FLOAT:
    gonio_graph_set_attr_float (c->graph, node, attr->name, floats[0]);
    break;
  case GONIO_ATTR_STRING:
    gonio_graph_set_attr_string (c->graph, node, attr->name, words[0]);
    break;
  case GONIO_ATTR_INTS:
    gonio_graph_set_attr_ints (c->graph, node, attr->name, ints, n);
    break;
  case GONIO_ATTR_FLOATS:
    gonio_graph_set_attr_floats (c->graph, node, attr->name, floats, n);
    break;
  case GONIO_ATTR_STRINGS:
    gonio_graph_set_attr_strings (c->graph, node, attr->name, words, n);
    break;
  case GONIO_ATTR_TENSOR: {
    g_autoptr (GonioTensor) tensor = pick_tensor (rand, pick_dtype (rand), &one);

    gonio_graph_set_attr_tensor (c->graph, node, attr->name, tensor);
    break;
  }
  case GONIO_ATTR_GRAPH:
    break;
  }
}

/* Lists of some inputs instead of them. */
static void
wrap_some_inputs (GRand *rand, RefCase *c)
{
  static const GonioKind kinds[] = {GONIO_KIND_SEQUENCE, GONIO_KIND_OPTIONAL};

  for (guint i = 0; i < c->inputs->len; i++) {
    GonioTensor *tensor = c->inputs->pdata[i];
    GonioKind kind = kinds[g_rand_int_range (rand, 0, 2)];
    GonioTensor *items[3] = {tensor, tensor, tensor};
    guint most = kind == GONIO_KIND_SEQUENCE ? 4 : 2;

    if (tensor == NULL || g_rand_int_range (rand, 0, 3) > 0)
      continue;
    c->inputs->pdata[i] = gonio_list_new (kind, gonio_tensor_dtype (tensor), items,
                                          (guint)g_rand_int_range (rand, 0, (int)most), NULL);
    g_assert_nonnull (c->inputs->pdata[i]);
    gonio_tensor_unref (tensor);
  }
}

/* Half the time all inputs share a type, and often a shape, so that kernels get past their
 * first checks. Index-like inputs come out of that as well: half are int64. */
static RefCase *
pick_case (GRand *rand, guint op)
{
  const GonioOpDef *def = gonio_op_def (op);
  RefCase *c = ref_case_new (op);
  int most = def->max_inputs < 0 ? 4 : def->max_inputs;
  int n = g_rand_int_range (rand, def->min_inputs, MAX (most, def->min_inputs) + 1);
  GonioDType dtype = pick_dtype (rand);
  GonioShape shape = pick_shape (rand);

  for (int i = 0; i < n; i++) {
    int kind = g_rand_int_range (rand, 0, 4);
    GonioDType own = kind == 0 ? pick_dtype (rand) : kind == 1 && i > 0 ? GONIO_DTYPE_INT64 : dtype;
    GonioShape other = pick_shape (rand);

    if (g_rand_int_range (rand, 0, 3) == 0)
      other.rank = MIN (other.rank, 1);
    if (i >= def->min_inputs && g_rand_int_range (rand, 0, 4) == 0)
      ref_case_in (c, NULL);
    else
      ref_case_in (c, pick_tensor (rand, own, g_rand_int_range (rand, 0, 2) ? &shape : &other));
  }
  most = def->max_outputs < 0 ? 4 : def->max_outputs;
  ref_case_outputs (c, (guint)g_rand_int_range (rand, MAX (def->min_outputs, 1),
                                                MAX (most, MAX (def->min_outputs, 1)) + 1));
  if (g_rand_int_range (rand, 0, 4) == 0)
    wrap_some_inputs (rand, c);
  for (guint a = 0; def->attrs != NULL && def->attrs[a].name != NULL; a++)
    if (def->attrs[a].required || g_rand_int_range (rand, 0, 3) == 0)
      pick_attribute (rand, c, &def->attrs[a]);
  return c;
}

/* ---- nodes that were right before something was changed ---- */

/* Inputs: type and shape, '|' between them, '-' for an omitted one. Types: f float, q float from
 * 1 to 3, i int64, j int64 from 1 to 3, z int64 zeros, w int32 from 1 to 3, u uint8, s int8,
 * b bool, t string. Attributes: name=1,2 ints, name:1 int, name~word string, name^1 float. */
typedef struct {
  guint op;
  const char *inputs;
  const char *attrs;
} Template;

static const Template templates[] = {
    {GONIO_OP_AFFINE_GRID, "f1 2 3|j4", ""},
    {GONIO_OP_ATTENTION, "f1 2 3 4|f1 1 5 4|f1 1 5 2|f3 5", "is_causal:1"},
    {GONIO_OP_ATTENTION, "f2 3 4|f2 2 2|f2 2 6|-|f2 1 1 2|f2 1 1 6",
     "q_num_heads:2 kv_num_heads:1"},
    {GONIO_OP_AVERAGE_POOL, "f1 2 5 5", "kernel_shape=3,2 strides=2,1 pads=1,0,1,1 ceil_mode:1"},
    {GONIO_OP_BATCH_NORMALIZATION, "f2 3 2|f3|f3|f3|q3", "training_mode:0"},
    {GONIO_OP_BITSHIFT, "u2 3|u3", "direction~LEFT"},
    {GONIO_OP_CENTER_CROP_PAD, "f2 5|j2", ""},
    {GONIO_OP_COL2IM, "f1 4 4|j2|j2", ""},
    {GONIO_OP_CONV, "f1 2 5 5|f4 2 3 3|f4", "strides=1,2 pads=1,1,0,1 dilations=2,1"},
    {GONIO_OP_CONV, "f1 4 6|f4 1 3", "group:4 auto_pad~SAME_UPPER"},
    {GONIO_OP_CONV_INTEGER, "u1 2 5|u3 2 2|u", "pads=1,1"},
    {GONIO_OP_CONV_TRANSPOSE, "f1 2 3 3|f2 2 2 3|f2",
     "strides=2,1 pads=0,1,1,0 output_padding=1,0"},
    {GONIO_OP_CUM_SUM, "f2 3 4|z", "reverse:1"},
    {GONIO_OP_DEFORM_CONV, "f1 2 4 4|f2 2 2 2|f1 8 3 3|f2|f1 4 3 3", ""},
    {GONIO_OP_DEPTH_TO_SPACE, "f1 8 2 3", "blocksize:2 mode~CRD"},
    {GONIO_OP_DEQUANTIZE_LINEAR, "u2 4|q2 2|u2 2", "axis:1 block_size:2"},
    {GONIO_OP_DFT, "f2 6 1|j|j", "onesided:1"},
    {GONIO_OP_EINSUM, "f2 3|f3 4", "equation~ij,jk->ik"},
    {GONIO_OP_EXPAND, "f3 1|j2", ""},
    {GONIO_OP_GATHER, "f4 3|j2 2", "axis:0"},
    {GONIO_OP_GATHER_ND, "f3 4 4|z2 2", "batch_dims:0"},
    {GONIO_OP_GEMM, "f2 3|f3 4|f4", "transA:0 alpha^1"},
    {GONIO_OP_GRID_SAMPLE, "f1 2 4 4|f1 3 3 2", "mode~cubic padding_mode~reflection"},
    {GONIO_OP_GRID_SAMPLE, "f1 1 2 3 4|f1 2 2 2 3", "mode~linear padding_mode~border"},
    {GONIO_OP_GROUP_NORMALIZATION, "f1 4 3|f4|f4", "num_groups:2"},
    {GONIO_OP_GRU, "f3 2 4|f1 6 4|f1 6 2|f1 12|w2", "hidden_size:2"},
    {GONIO_OP_INSTANCE_NORMALIZATION, "f1 3 4|f3|f3", ""},
    {GONIO_OP_LSTM, "f3 2 4|f2 8 4|f2 8 2|f2 16|w2|f2 2 2|f2 2 2|f2 6",
     "hidden_size:2 direction~bidirectional"},
    {GONIO_OP_DROPOUT, "f2 3|f|b", "seed:3"},
    {GONIO_OP_LABEL_ENCODER, "j2 3|j4|f4|f1", ""},
    {GONIO_OP_LABEL_ENCODER, "t2 3|t4|i4|i", ""},
    {GONIO_OP_LINEAR_ATTENTION, "f2 3 4|f2 3 2|f2 3 3|f2 1 2 3|f2 3 2|f2 3 1",
     "q_num_heads:2 kv_num_heads:1"},
    {GONIO_OP_LP_POOL, "f1 2 6", "kernel_shape=3 p:2"},
    {GONIO_OP_LRN, "f1 5 2", "size:3"},
    {GONIO_OP_MATMUL_INTEGER, "u2 3|u3 4|u2|u4", ""},
    {GONIO_OP_MAX_POOL, "f1 2 5 5", "kernel_shape=2,3 strides=2,2 dilations=2,1 storage_order:1"},
    {GONIO_OP_MAX_ROI_POOL, "f4 2 5 5|q2 5", "pooled_shape=2,3"},
    {GONIO_OP_MAX_UNPOOL, "f1 1 2 2|j1 1 2 2", "kernel_shape=2,2 strides=2,2"},
    {GONIO_OP_MEL_WEIGHT_MATRIX, "j|j|j|f|q", ""},
    {GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS, "f2 3 2|z2 2|f3", "reduction~mean"},
    {GONIO_OP_NON_MAX_SUPPRESSION, "f1 5 4|f1 2 5|j1|f1|f1", ""},
    {GONIO_OP_ONE_HOT, "i3 2|j|f2", "axis:-1"},
    {GONIO_OP_PAIR_COUPLING, "f2 3", "classes:3 probability:1"},
    {GONIO_OP_PAIR_DECISIONS, "f2 6|f2 6|j3|f3", ""},
    {GONIO_OP_PAD, "f2 3|i4|f", "mode~reflect"},
    {GONIO_OP_PAD, "t2 3|j4|t", "mode~constant"},
    {GONIO_OP_QLINEAR_CONV, "u1 2 4|q|u|s3 2 2|q3|s|q|u|w3", "pads=1,0"},
    {GONIO_OP_QLINEAR_MATMUL, "u2 3|q|u|u3 2|q|u|q|u", ""},
    {GONIO_OP_QUANTIZE_LINEAR, "f2 3|q3|u3", "axis:1"},
    {GONIO_OP_RANGE, "i|i|i", ""},
    {GONIO_OP_RESHAPE, "f2 6|i3", "allowzero:0"},
    {GONIO_OP_RESIZE, "f1 1 3 4|-|q4", "mode~linear coordinate_transformation_mode~half_pixel"},
    {GONIO_OP_RESIZE, "f3 4|f4|-|j2", "mode~cubic antialias:1 exclude_outside:1"},
    {GONIO_OP_REVERSE_SEQUENCE, "f3 2 2|j2", "time_axis:0 batch_axis:1"},
    {GONIO_OP_RNN, "f3 2 4|f1 2 4|f1 2 2|f1 4|w2|f1 2 2", "hidden_size:2 direction~reverse"},
    {GONIO_OP_ROI_ALIGN, "f1 2 5 5|f2 4|z2", "output_height:2 output_width:3 mode~max"},
    {GONIO_OP_ROTARY_EMBEDDING, "f1 2 3 4|f4 2|f4 2|j1 3", "interleaved:1"},
    {GONIO_OP_SCATTER_ELEMENTS, "f3 4|j2 2|f2 2", "axis:0 reduction~add"},
    {GONIO_OP_SCATTER_ND, "f4 4|j2 1|f2 4", "reduction~max"},
    {GONIO_OP_SLICE, "f4 5|i2|i2|-|i2", ""},
    {GONIO_OP_SOFTMAX_CROSS_ENTROPY_LOSS, "f2 3|z2|f3", "reduction~none"},
    {GONIO_OP_SPACE_TO_DEPTH, "f1 2 4 6", "blocksize:2"},
    {GONIO_OP_SPLIT, "f6 2|j3", "axis:0"},
    {GONIO_OP_STFT, "f1 8 1|j|f4", "onesided:1"},
    {GONIO_OP_TENSOR_SCATTER, "f2 4 3|f2 2 3|j2", "mode~circular"},
    {GONIO_OP_TF_IDF_VECTORIZER, "j2 6",
     "mode~TFIDF min_gram_length:1 max_gram_length:2 max_skip_count:2 ngram_counts=0,2 "
     "ngram_indexes=0,1,2 pool_int64s=1,2,1,2"},
    {GONIO_OP_TILE, "f2 3|j2", ""},
    {GONIO_OP_TOP_K, "f2 5|j1", "axis:-1"},
    {GONIO_OP_TRANSPOSE, "f2 3 4", "perm=2,0,1"},
    {GONIO_OP_UNIQUE, "i3 2 2", "axis:0"},
    {GONIO_OP_WHERE, "b2 1|f2 3|f3", ""},
    {GONIO_OP_LAYOUT, "f2 3 2 2", "to~nhwc"},
};

static GonioTensor *
template_tensor (GRand *rand, const char *text)
{
  static const char codes[] = "fqijzwusbt";
  static const GonioDType types[] = {GONIO_DTYPE_FLOAT, GONIO_DTYPE_FLOAT, GONIO_DTYPE_INT64,
                                     GONIO_DTYPE_INT64, GONIO_DTYPE_INT64, GONIO_DTYPE_INT32,
                                     GONIO_DTYPE_UINT8, GONIO_DTYPE_INT8,  GONIO_DTYPE_BOOL,
                                     GONIO_DTYPE_STRING};
  g_auto (GStrv) words = g_strsplit (text + 1, " ", -1);
  GonioShape shape = {0};
  GonioTensor *tensor;

  for (guint i = 0; text[1] != '\0' && words[i] != NULL; i++)
    shape.dims[shape.rank++] = g_ascii_strtoll (words[i], NULL, 10);
  tensor = pick_tensor (rand, types[strchr (codes, *text) - codes], &shape);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    void *data = gonio_tensor_writable_data (tensor);
    int small = *text == 'z' ? 0 : g_rand_int_range (rand, 1, 4);

    if (*text == 'q')
      ((float *)data)[i] = (float)small;
    else if (*text == 'j' || *text == 'z')
      ((int64_t *)data)[i] = small;
    else if (*text == 'w')
      ((int32_t *)data)[i] = small;
  }
  return tensor;
}

static void
template_attribute (RefCase *c, const char *text)
{
  const char *mark = strpbrk (text, "=:~^");
  g_autofree char *name = g_strndup (text, (gsize)(mark - text));
  g_auto (GStrv) words = g_strsplit (mark + 1, ",", -1);
  int64_t ints[8];

  for (guint i = 0; i < 8 && i < g_strv_length (words); i++)
    ints[i] = g_ascii_strtoll (words[i], NULL, 10);
  if (*mark == '=')
    gonio_graph_set_attr_ints (c->graph, ref_case_node (c), name, ints, g_strv_length (words));
  else if (*mark == ':')
    ref_case_int (c, name, ints[0]);
  else if (*mark == '~')
    ref_case_string (c, name, mark + 1);
  else
    ref_case_float (c, name, (float)g_ascii_strtod (mark + 1, NULL));
}

static RefCase *
mutate_template (GRand *rand, const Template *t)
{
  const GonioOpDef *def = gonio_op_def (t->op);
  RefCase *c = ref_case_new (t->op);
  g_auto (GStrv) inputs = g_strsplit (t->inputs, "|", -1);
  g_auto (GStrv) attrs = g_strsplit (t->attrs, " ", -1);
  int least = MAX (def->min_outputs, 1), most = def->max_outputs < 0 ? 3 : def->max_outputs;

  for (guint i = 0; inputs[i] != NULL; i++) {
    GonioShape shape = pick_shape (rand);

    if (g_rand_int_range (rand, 0, 12) == 0)
      ref_case_in (c, pick_tensor (rand, pick_dtype (rand), &shape));
    else
      ref_case_in (c, *inputs[i] == '-' ? NULL : template_tensor (rand, inputs[i]));
  }
  ref_case_outputs (c, (guint)g_rand_int_range (rand, least, MAX (most, least) + 1));
  for (guint i = 0; attrs[i] != NULL; i++)
    if (*attrs[i] != '\0' && g_rand_int_range (rand, 0, 12) > 0)
      template_attribute (c, attrs[i]);
  for (guint a = 0; def->attrs != NULL && def->attrs[a].name != NULL; a++)
    if (g_rand_int_range (rand, 0, 12) == 0)
      pick_attribute (rand, c, &def->attrs[a]);
  return c;
}

/* ---- running ---- */

static gboolean
check_case (RefCase *c)
{
  gboolean ok = ref_case_run (c);

  for (guint i = 0; i < c->n_outputs; i++) {
    if (ok)
      g_assert_nonnull (c->outputs[i]);
    else
      g_assert_null (c->outputs[i]);
  }
  if (ok) {
    g_assert_no_error (c->error);
  } else {
    g_assert_nonnull (c->error);
    g_assert_cmpuint (strlen (c->error->message), >, 10);
    g_assert_true (g_utf8_validate (c->error->message, -1, NULL) ||
                   strstr (c->error->message, "\xff") != NULL);
  }
  return ok;
}

static void
test_operator (gconstpointer data)
{
  guint op = GPOINTER_TO_UINT (data), passed = 0;
  g_autoptr (GRand) rand = g_rand_new_with_seed (op * 1000 + 1);

  for (int round = 0; round < ROUNDS; round++) {
    g_autoptr (RefCase) c = pick_case (rand, op);
    gboolean first = check_case (c);

    g_assert_cmpint (check_case (c), ==, first);
    passed += first ? 1 : 0;
  }
  g_test_message ("%s: %u of %d random nodes ran", gonio_op_name (op), passed, ROUNDS);
}

static void
test_template (gconstpointer data)
{
  const Template *t = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)(t - templates) + 7);
  guint passed = 0;

  for (int round = 0; round < 2 * ROUNDS; round++) {
    g_autoptr (RefCase) c = mutate_template (rand, t);

    passed += check_case (c) ? 1 : 0;
  }
  g_test_message ("%s: %u of %d changed nodes ran", gonio_op_name (t->op), passed, 2 * ROUNDS);
  g_assert_cmpuint (passed, >, 0); /* or the template itself is wrong */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint op = GONIO_OP_INVALID + 1; op < GONIO_OP_COUNT; op++) {
    g_autofree char *path = g_strdup_printf ("/reference/hostile/%s", gonio_op_name (op));

    g_test_add_data_func (path, GUINT_TO_POINTER (op), test_operator);
  }
  for (guint i = 0; i < G_N_ELEMENTS (templates); i++) {
    g_autofree char *path =
        g_strdup_printf ("/reference/hostile/changed/%s-%u", gonio_op_name (templates[i].op), i);

    g_test_add_data_func (path, &templates[i], test_template);
  }
  return g_test_run ();
}
