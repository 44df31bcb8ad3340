/* Numbers from .npy files for types that NumPy has no name for. Depends on cli.h, backends.h,
 * core/graph. */
#include "app/cli/cli.h"

#include "app/backends.h"
#include "core/base/error.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"

/* The type that gonio_tensor_save_npy() writes it as; NONE when it has one of its own. */
static GonioDType
wider_type (GonioDType dtype)
{
  if (gonio_dtype_is_integer (dtype) && gonio_dtype_bits (dtype) < 8)
    return gonio_dtype_is_signed (dtype) ? GONIO_DTYPE_INT8 : GONIO_DTYPE_UINT8;
  if (dtype == GONIO_DTYPE_BFLOAT16 ||
      (gonio_dtype_is_float (dtype) && gonio_dtype_bits (dtype) <= 8))
    return GONIO_DTYPE_FLOAT;
  return GONIO_DTYPE_NONE;
}

static GonioTensor *
cast (GonioTensor *tensor, GonioDType dtype, GError **error)
{
  g_autoptr (GonioGraph) graph = gonio_graph_new ("cast");
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  GonioValueId x = gonio_graph_add_input (graph, "x", gonio_tensor_dtype (tensor), &shape);
  GonioValueId y = gonio_graph_add_value (graph, "y", dtype, &shape);
  GonioNodeId node = gonio_graph_add_node (graph, GONIO_OP_CAST, "cast", &x, 1, &y, 1);
  GonioTensor *result = NULL;

  gonio_graph_set_attr_int (graph, node, "to", dtype);
  gonio_graph_add_output (graph, y);
  return gonio_backends_evaluate (graph, node, &tensor, &result, error) ? result : NULL;
}

/* Floats are rounded; integers must fit. */
static gboolean
check_fit (const GonioTensor *given, const GonioTensor *fitted, GError **error)
{
  gboolean whole = gonio_dtype_is_integer (gonio_tensor_dtype (given));

  for (int64_t i = 0; whole && i < gonio_tensor_count (given); i++) {
    int64_t value = gonio_tensor_get_int (given, i);

    if (value != gonio_tensor_get_int (fitted, i)) {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_VALUE,
                   "element %" G_GINT64_FORMAT " is %" G_GINT64_FORMAT ", which %s cannot hold", i,
                   value, gonio_dtype_name (gonio_tensor_dtype (fitted)));
      return FALSE;
    }
  }
  return TRUE;
}

GonioTensor *
gonio_cli_fit_npy (GonioTensor *tensor, GonioDType dtype, GError **error)
{
  if (gonio_tensor_dtype (tensor) == dtype || gonio_tensor_dtype (tensor) != wider_type (dtype))
    return tensor;
  GonioTensor *fitted = cast (tensor, dtype, error);
  if (fitted != NULL && !check_fit (tensor, fitted, error))
    g_clear_pointer (&fitted, gonio_tensor_unref);
  gonio_tensor_unref (tensor);
  return fitted;
}
