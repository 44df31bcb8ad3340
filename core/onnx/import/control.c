/* Import rows of operators with subgraphs, of sequences and of optional values. Depends on
 * import.h. */
#include "core/onnx/import.h"

/* ---- Scan of opset 8 ----
 *
 * Every input and output has a batch axis in front, and each sample is scanned by itself: a Scan
 * over the batch whose body holds the Scan over the sequence. */

typedef struct {
  GonioGraph *graph;   /* of one sample */
  GonioValueId zero;   /* [0] */
  GonioValueId length; /* [1], how much of the sequence counts; NONE: all */
} Sample;

static GonioValueId
add (Sample *sample, GonioOpId op, const GonioValueId *inputs, guint n)
{
  GonioValueId output = gonio_graph_add_value (sample->graph, NULL, GONIO_DTYPE_NONE, NULL);

  while (n > 0 && inputs[n - 1] == GONIO_VALUE_NONE)
    n--;
  gonio_graph_add_node (sample->graph, op, NULL, inputs, n, &output, 1);
  return output;
}
#define ADD(sample, op, ...)                                                                       \
  add (sample, GONIO_OP_##op, (const GonioValueId[]){__VA_ARGS__},                                 \
       G_N_ELEMENTS (((const GonioValueId[]){__VA_ARGS__})))

/* What the body reads of the graph around it is handed down through the sample's graph. */
static void
pass_captures_down (const GonioImportNode *in, Sample *sample, GonioGraph *body)
{
  guint n = 0;
  const GonioCapture *captures = gonio_graph_captures (body, &n);

  for (guint i = 0; i < n; i++) {
    const GonioValue *outer = gonio_graph_value (in->graph, captures[i].outer);
    GonioValueId between = gonio_graph_add_value (sample->graph, outer->name, outer->dtype, NULL);
    gonio_graph_set_kind (sample->graph, between, outer->kind);
    gonio_graph_add_capture (sample->graph, captures[i].outer, between);
    gonio_graph_set_capture (body, i, between);
  }
}

/* The sequence up to its length, and a result filled up with zeros to the whole of it. */
static GonioValueId
cut (Sample *sample, GonioValueId x)
{
  return sample->length == GONIO_VALUE_NONE
             ? x
             : ADD (sample, SLICE, x, sample->zero, sample->length, sample->zero);
}

static GonioValueId
fill_up (Sample *sample, GonioValueId y, GonioValueId whole)
{
  if (sample->length == GONIO_VALUE_NONE)
    return y;
  GonioValueId shape = ADD (sample, SHAPE, whole);
  GonioValueId total = ADD (sample, GATHER, shape, sample->zero);
  GonioValueId rest = ADD (sample, SUB, total, sample->length);
  GonioValueId pads = ADD (sample, CONCAT, sample->zero, rest);
  gonio_graph_set_attr_int (sample->graph, gonio_graph_value (sample->graph, pads)->producer,
                            "axis", 0);
  return ADD (sample, PAD, y, pads, GONIO_VALUE_NONE, sample->zero);
}

/* The graph of one sample; inputs: as the node's, the length (if any) last. */
static GonioGraph *
sample_graph (GonioImportNode *in, GonioGraph *body, guint n_scanned)
{
  const GonioNode *node = in->node;
  guint n = node->n_inputs - 1, n_states = n - n_scanned, n_directions = 0;
  g_autofree GonioValueId *inputs = g_new (GonioValueId, n + 1);
  g_autofree GonioValueId *results = g_new (GonioValueId, node->n_outputs + 1);
  const int64_t *directions = gonio_node_attr_ints (node, "directions", &n_directions);
  GonioValueId whole = GONIO_VALUE_NONE;
  const int64_t zero[] = {0};
  GonioShape one = GONIO_SHAPE (1);
  g_autoptr (GonioTensor) zeros =
      gonio_tensor_new_copy (GONIO_DTYPE_INT64, &one, zero, sizeof zero, &in->failure);
  Sample sample = {.graph = gonio_graph_new ("sample"), .length = GONIO_VALUE_NONE};

  sample.zero = zeros ? gonio_graph_add_constant (sample.graph, "zero", zeros)
                      : gonio_graph_add_value (sample.graph, "zero", GONIO_DTYPE_INT64, NULL);
  for (guint i = 0; i < n; i++) {
    const GonioValue *value = gonio_graph_value (in->graph, node->inputs[1 + i]);
    inputs[i] = gonio_graph_add_input (sample.graph, value->name, value->dtype, NULL);
  }
  if (node->inputs[0] != GONIO_VALUE_NONE) {
    GonioValueId length = gonio_graph_add_input (sample.graph, "length", GONIO_DTYPE_INT64, NULL);
    sample.length = ADD (&sample, UNSQUEEZE, length, sample.zero);
  }
  whole = inputs[n_states];
  for (guint i = n_states; i < n; i++)
    inputs[i] = cut (&sample, inputs[i]);
  for (guint i = 0; i < node->n_outputs; i++)
    results[i] = gonio_graph_add_value (sample.graph, NULL, GONIO_DTYPE_NONE, NULL);
  pass_captures_down (in, &sample, body);
  GonioNodeId scan = gonio_graph_add_node (sample.graph, GONIO_OP_SCAN, node->name, inputs, n,
                                           results, node->n_outputs);
  gonio_graph_set_attr_int (sample.graph, scan, "num_scan_inputs", n_scanned);
  if (directions)
    gonio_graph_set_attr_ints (sample.graph, scan, "scan_input_directions", directions,
                               n_directions);
  gonio_graph_set_attr_graph (sample.graph, scan, "body", body);
  for (guint i = 0; i < node->n_outputs; i++)
    gonio_graph_add_output (sample.graph,
                            i < n_states ? results[i] : fill_up (&sample, results[i], whole));
  return sample.graph;
}

static const GonioAttrSchema attrs_scan_8[] = {{"body", GONIO_ATTR_GRAPH, TRUE},
                                               {"directions", GONIO_ATTR_INTS, FALSE},
                                               {"num_scan_inputs", GONIO_ATTR_INT, TRUE},
                                               {0}};

static gboolean
scan_8 (GonioImportNode *in, GError **error)
{
  const GonioAttr *attr = gonio_node_attr (in->node, "body");
  int64_t n_scanned = gonio_node_attr_int (in->node, "num_scan_inputs", 0);
  guint n = in->node->n_inputs;

  if (!gonio_import_check_attrs (in, attrs_scan_8, error))
    return FALSE;
  if (n_scanned < 1 || n_scanned >= n)
    return gonio_import_malformed (error, "num_scan_inputs is %" G_GINT64_FORMAT ".", n_scanned);
  for (guint i = 1; i < n; i++) {
    if (in->node->inputs[i] == GONIO_VALUE_NONE)
      return gonio_import_malformed (error, "input %u is missing.", i);
  }
  GonioGraph *body = gonio_graph_ref (attr->graph);
  gonio_graph_remove_attr (in->graph, in->id, "body");
  GonioGraph *sample = sample_graph (in, body, (guint)n_scanned);
  g_autofree GonioValueId *inputs = g_new (GonioValueId, n);
  for (guint i = 0; i < n; i++)
    inputs[i] = in->node->inputs[(i + 1) % n];
  gonio_graph_set_inputs (in->graph, in->id, inputs, inputs[n - 1] == GONIO_VALUE_NONE ? n - 1 : n);
  gonio_import_drop (in, "directions", GONIO_ATTR_INTS);
  gonio_graph_set_attr_int (in->graph, in->id, "num_scan_inputs", in->node->n_inputs);
  gonio_graph_set_attr_graph (in->graph, in->id, "body", sample);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }

const GonioImportRow gonio_import_control[] = {
    SINCE ("ConcatFromSequence", 11),
    SINCE ("If", 1),
    SINCE ("Loop", 1),
    SINCE ("Optional", 15),
    SINCE ("OptionalGetElement", 15),
    SINCE ("OptionalHasElement", 15),
    {"Scan", "", 8, 8, scan_8},
    SINCE ("Scan", 9),
    SINCE ("SequenceAt", 11),
    SINCE ("SequenceConstruct", 11),
    SINCE ("SequenceEmpty", 11),
    SINCE ("SequenceErase", 11),
    SINCE ("SequenceInsert", 11),
    SINCE ("SequenceLength", 11),
    SINCE ("SequenceMap", 17),
    SINCE ("SplitToSequence", 11),
    {0},
};
