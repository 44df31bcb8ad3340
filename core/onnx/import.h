/* Private to core/onnx: turning nodes of the file into canonical nodes. Depends on ops, graph.
 *
 * A node is first put into the graph as the file has it, with all its attributes, and then
 * handed to the row that fits its operator, domain and opset. The row's function edits it
 * through the mutator until it has the canonical form (or has been replaced).
 */
#pragma once

#include "core/ops/op.h"

G_BEGIN_DECLS

typedef struct {
  GonioGraph *graph;
  GonioNodeId id;
  const GonioNode *node; /* always the node of that id */
  const char *op;        /* as in the file */
  int version;           /* opset in force for the node's domain */
  GError *failure;       /* nullable: a constant could not be made or an attribute is of the wrong
                          * type, which ends the import; rows need not look, as a value without
                          * facts stands in for a constant */
} GonioImportNode;

/* FALSE with GONIO_LOAD_ERROR_UNSUPPORTED is collected and reported together with all others;
 * any other error ends the import. The message names neither node nor operator. */
typedef gboolean (*GonioImportFn) (GonioImportNode *in, GError **error);

typedef struct {
  const char *op;
  const char *domain;
  int since;        /* first opset of this form */
  int until;        /* last opset of this form, 0: the newest there is */
  GonioImportFn fn; /* NULL: the form is canonical already */
} GonioImportRow;

/* Tables of the families, gonio_import_<family>, each ended by a NULL op. */
/* clang-format off */
#define GONIO_IMPORT_FAMILIES(X) \
  X (attention) X (compose) X (contrib) X (contrib_attention) X (contrib_image) \
  X (contrib_matmul) X (contrib_quant) X (contrib_training) X (control) X (conv) \
  X (elementwise) X (gradient) X (image) X (index) X (legacy) X (misc) X (ml) \
  X (ml_linear) X (ml_trees) X (norm) X (reduce) X (shape) X (training)
/* clang-format on */
#define GONIO_IMPORT_FAMILY(NAME) extern const GonioImportRow gonio_import_##NAME[];
GONIO_IMPORT_FAMILIES (GONIO_IMPORT_FAMILY)

/* The row for an operator; NULL with the reason when there is none. */
const GonioImportRow *gonio_import_find (const char *domain, const char *op, int version,
                                         const char **out_reason);

/* ---- helpers for rows ---- */

gboolean gonio_import_unsupported (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean gonio_import_malformed (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* For rows that use up their node's attributes, which the check of the finished graph never sees:
 * each is in the list (ended by a NULL name) and of its type, and none that is required is missing.
 * A name may be there with several types. */
gboolean gonio_import_check_attrs (const GonioImportNode *in, const GonioAttrSchema *attrs,
                                   GError **error);

/* Input i, GONIO_VALUE_NONE when omitted or beyond the end. */
GonioValueId gonio_import_input (const GonioImportNode *in, guint i);
/* Makes room: sets input i, filling omitted ones before it. */
void gonio_import_set_input (GonioImportNode *in, guint i, GonioValueId value);
gboolean gonio_import_has_output (const GonioImportNode *in, guint i);

/* Constants named after the node. */
GonioValueId gonio_import_const_ints (GonioImportNode *in, const char *hint, const int64_t *values,
                                      guint n);
GonioValueId gonio_import_const_scalar (GonioImportNode *in, const char *hint, GonioDType dtype,
                                        double value);
GonioValueId gonio_import_const_floats (GonioImportNode *in, const char *hint, const float *values,
                                        guint n);

/* A further node with one output, named "<node>/<hint>". Its facts are inferred when the row's
 * function has returned. */
GonioValueId gonio_import_emit (GonioImportNode *in, GonioOpId op, const char *hint,
                                const GonioValueId *inputs, guint n_inputs, GonioNodeId *out_node);
/* The same for operators of one and two inputs without attributes. */
GonioValueId gonio_import_unary (GonioImportNode *in, GonioOpId op, const char *hint,
                                 GonioValueId a);
GonioValueId gonio_import_binary (GonioImportNode *in, GonioOpId op, const char *hint,
                                  GonioValueId a, GonioValueId b);
/* a in that type. */
GonioValueId gonio_import_cast (GonioImportNode *in, GonioValueId a, GonioDType dtype,
                                const char *hint);
/* Images with the channels moved from the last place to the second (to_front), or back. */
GonioValueId gonio_import_turn (GonioImportNode *in, GonioValueId a, int rank, gboolean to_front);
/* The node gets a fresh output 0, whose value is returned: what follows is emitted from it. */
GonioValueId gonio_import_detour_output (GonioImportNode *in, const char *hint);
/* A node that produces an existing value (an output taken from the node before). */
GonioNodeId gonio_import_emit_to (GonioImportNode *in, GonioOpId op, const char *hint,
                                  const GonioValueId *inputs, guint n_inputs, GonioValueId output);

/* Moves attribute ints/int "name" to a constant int64 input. Nothing when absent. */
void gonio_import_attr_to_input (GonioImportNode *in, const char *name, guint index);
/* Rank when known, -1 otherwise. */
int gonio_import_rank (const GonioImportNode *in, GonioValueId value);
GonioDType gonio_import_dtype (const GonioImportNode *in, GonioValueId value);
/* Takes away an attribute that the canonical form does not have; one of another type ends the
 * import. */
void gonio_import_drop (GonioImportNode *in, const char *name, GonioAttrType type);
void gonio_import_drop_all (GonioImportNode *in);
/* The node becomes op (a, b), without attributes. */
void gonio_import_become (GonioImportNode *in, GonioOpId op, GonioValueId a, GonioValueId b);

G_END_DECLS
