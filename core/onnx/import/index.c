/* Import rows of gathering, scattering and searching. Depends on import.h. */
#include "core/onnx/import.h"

/* The name until opset 10. */
static gboolean
scatter (GonioImportNode *in, GError **error)
{
  gonio_graph_set_op (in->graph, in->id, GONIO_OP_SCATTER_ELEMENTS);
  return TRUE;
}

#define SINCE(NAME, VERSION)                                                                       \
  {                                                                                                \
    NAME, "", VERSION, 0, NULL                                                                     \
  }

const GonioImportRow gonio_import_index[] = {
    SINCE ("Compress", 9),
    SINCE ("Gather", 1),
    SINCE ("GatherElements", 11),
    SINCE ("GatherND", 11),
    SINCE ("NonMaxSuppression", 10),
    SINCE ("NonZero", 9),
    SINCE ("OneHot", 9),
    {"Scatter", "", 9, 0, scatter},
    SINCE ("ScatterElements", 11),
    SINCE ("ScatterND", 11),
    SINCE ("TensorScatter", 24),
    SINCE ("Unique", 11),
    {0},
};
