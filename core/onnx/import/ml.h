/* Private to the import rows of ai.onnx.ml: what they have in common. Depends on import.h.
 *
 * Classifiers have two outputs, the best label and the scores. Their rows take them from the node
 * (gonio_ml_begin), emit what computes them and drop the node (gonio_ml_end). */
#pragma once

#include "core/onnx/import.h"

G_BEGIN_DECLS

/* ---- constants ---- */

/* A list of n elements of that size, a list of texts, a list attribute or tensor laid out flat.
 * (transfer full) */
GonioTensor *gonio_ml_list (GonioDType dtype, const void *data, size_t n, size_t size,
                            GError **error);
GonioTensor *gonio_ml_texts (char *const *texts, size_t n, GError **error);
GonioTensor *gonio_ml_flat (const GonioAttr *attr, GError **error);
/* Numbers of attribute "name", or of the tensor "name_as_tensor", as double or float; NULL with
 * *out_n 0 when there are none. A tensor of another type is an error. (transfer full) */
gboolean gonio_ml_doubles (const GonioImportNode *in, const char *name, double **out_numbers,
                           size_t *out_n, gboolean *out_is_double, GError **error);
/* A constant named after the node; numbers become that type. NONE with in->failure set. */
GonioValueId gonio_ml_constant (GonioImportNode *in, const char *hint, GonioTensor *tensor);
GonioValueId gonio_ml_numbers (GonioImportNode *in, const char *hint, GonioDType dtype,
                               const GonioShape *shape, const double *numbers);

/* ---- nodes ---- */

/* Input 0 in that type (NONE: as it is); a vector becomes one row. */
GonioValueId gonio_ml_rows (GonioImportNode *in, GonioDType dtype);
/* Columns of input 0, -1 when unknown. */
int64_t gonio_ml_n_features (const GonioImportNode *in);
/* x w' + b; b may be NONE. */
GonioValueId gonio_ml_product (GonioImportNode *in, const char *hint, GonioValueId x,
                               GonioValueId w, GonioValueId b);
/* [first, second] side by side. */
GonioValueId gonio_ml_columns (GonioImportNode *in, const char *hint, GonioValueId first,
                               GonioValueId second);

/* ---- classifiers ---- */

/* In the order of TreeEnsemble 5. */
typedef enum {
  GONIO_ML_NONE,
  GONIO_ML_SOFTMAX,
  GONIO_ML_LOGISTIC,
  GONIO_ML_SOFTMAX_ZERO,
  GONIO_ML_PROBIT,
} GonioMlTransform;

/* Attribute post_transform. */
gboolean gonio_ml_transform (const GonioImportNode *in, GonioMlTransform *out_transform,
                             GError **error);
GonioValueId gonio_ml_transformed (GonioImportNode *in, GonioMlTransform transform,
                                   GonioDType dtype, GonioValueId scores);

/* The labels, at least two: attribute classlabels_strings or that of the given name.
 * (transfer full) */
GonioTensor *gonio_ml_labels (const GonioImportNode *in, const char *integers, GError **error);

typedef struct {
  GonioValueId outputs[2]; /* NONE when not wanted */
} GonioMlOutputs;
GonioMlOutputs gonio_ml_begin (GonioImportNode *in);
/* Output i is that value, cast to float or another type. */
void gonio_ml_give (GonioImportNode *in, const GonioMlOutputs *out, guint i, GonioValueId value);
void gonio_ml_give_as (GonioImportNode *in, const GonioMlOutputs *out, guint i, GonioValueId value,
                       GonioDType dtype);
/* Output 0 is the label of the largest of the columns. */
void gonio_ml_give_label (GonioImportNode *in, const GonioMlOutputs *out, GonioValueId columns,
                          GonioTensor *labels);
void gonio_ml_end (GonioImportNode *in);

G_END_DECLS
