/* Import rows of reductions. Depends on import.h. */
#include "core/onnx/import.h"

/* Axes were an attribute: until opset 12 for ReduceSum, 17 for the others. */
static gboolean
axes_to_input (GonioImportNode *in, GError **error)
{
  gonio_import_attr_to_input (in, "axes", 1);
  return TRUE;
}

static gboolean
k_to_input (GonioImportNode *in, GError **error)
{
  gonio_import_attr_to_input (in, "k", 1);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }
#define REDUCE(NAME)                                                                               \
  {NAME, "", 1, 17, axes_to_input},                                                                \
  {                                                                                                \
    NAME, "", 18, 0, NULL                                                                          \
  }

const GonioImportRow gonio_import_reduce[] = {
    SINCE ("ArgMax", 1),
    SINCE ("ArgMin", 1),
    SINCE ("CumProd", 26),
    SINCE ("CumSum", 11),
    REDUCE ("ReduceL1"),
    REDUCE ("ReduceL2"),
    REDUCE ("ReduceLogSum"),
    REDUCE ("ReduceLogSumExp"),
    REDUCE ("ReduceMax"),
    REDUCE ("ReduceMean"),
    REDUCE ("ReduceMin"),
    REDUCE ("ReduceProd"),
    {"ReduceSum", "", 1, 12, axes_to_input},
    SINCE ("ReduceSum", 13),
    REDUCE ("ReduceSumSquare"),
    {"TopK", "", 1, 9, k_to_input},
    SINCE ("TopK", 10),
    {0},
};
