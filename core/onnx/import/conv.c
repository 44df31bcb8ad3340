/* Import rows of convolutions, pools and matrix products. Depends on import.h. */
#include "core/onnx/import.h"

#include <math.h>

/* "VALID" and the explicit form are written as plain pads; "SAME_*" needs shapes and stays. */
static gboolean
plain_pads (GonioImportNode *in, GError **error)
{
  const char *mode = gonio_node_attr_string (in->node, "auto_pad", NULL);

  if (!mode)
    return TRUE;
  if (g_str_equal (mode, "VALID"))
    gonio_import_drop (in, "pads", GONIO_ATTR_INTS);
  if (g_str_equal (mode, "VALID") || g_str_equal (mode, "NOTSET") || *mode == '\0')
    gonio_import_drop (in, "auto_pad", GONIO_ATTR_STRING);
  return TRUE;
}

/* The canonical form has one input more. */
static gboolean
conv (GonioImportNode *in, GError **error)
{
  if (in->node->n_inputs > 3)
    return gonio_import_malformed (error, "it has %u inputs; 2 to 3 are possible.",
                                   in->node->n_inputs);
  return plain_pads (in, error);
}

/* Opset 1: the exponent is a real number. */
static gboolean
old_lp (GonioImportNode *in, GError **error)
{
  float p = gonio_node_attr_float (in->node, "p", 2);

  if (p != floorf (p) || p < 1 || p > 1e6f)
    return gonio_import_unsupported (error, "p is %g; only whole numbers are supported.", p);
  gonio_import_drop (in, "p", GONIO_ATTR_FLOAT);
  gonio_graph_set_attr_int (in->graph, in->id, "p", (int64_t)p);
  return plain_pads (in, error);
}

/* Opset 1 to 6: C broadcasts only when told to; it does now in any case. */
static gboolean
old_gemm (GonioImportNode *in, GError **error)
{
  gonio_import_drop (in, "broadcast", GONIO_ATTR_INT);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }
#define WINDOW(NAME, VERSION)                                                                      \
  {                                                                                                \
    NAME, "", VERSION, 0, plain_pads                                                               \
  }

const GonioImportRow gonio_import_conv[] = {
    WINDOW ("AveragePool", 1),
    {"Conv", "", 1, 0, conv},
    WINDOW ("ConvInteger", 10),
    WINDOW ("ConvTranspose", 1),
    SINCE ("DeformConv", 19),
    SINCE ("Det", 11),
    SINCE ("Einsum", 12),
    {"Gemm", "", 1, 6, old_gemm},
    SINCE ("Gemm", 7),
    SINCE ("GlobalAveragePool", 1),
    {"GlobalLpPool", "", 1, 1, old_lp},
    SINCE ("GlobalLpPool", 2),
    SINCE ("GlobalMaxPool", 1),
    {"LpPool", "", 1, 1, old_lp},
    WINDOW ("LpPool", 2),
    SINCE ("MatMul", 1),
    SINCE ("MatMulInteger", 10),
    WINDOW ("MaxPool", 1),
    SINCE ("MaxUnpool", 9),
    WINDOW ("QLinearConv", 10),
    SINCE ("QLinearMatMul", 10),
    {0},
};
