/* Every value of one run of a model, for stats and compare. Depends on cli.h, core/graph. */
#pragma once

#include "app/cli/cli.h"

G_BEGIN_DECLS

/* Where a run's inputs come from. pairs: "NAME=FILE", dims: "NAME=SIZE", both NULL-terminated
 * and nullable. dir: nullable; holds <input>.npy for inputs that no pair gives. What is left is
 * made up from the seed, unless all_given: then it is an error. */
typedef struct {
  char **pairs;
  char **dims;
  const char *dir;
  int seed;
  gboolean all_given;
} GonioCliInputs;
/* names: char*, tensors: GonioTensor*, by input of the session; (transfer full). */
gboolean gonio_cli_inputs_make (GonioSession *session, const GonioCliInputs *args,
                                GPtrArray **out_names, GPtrArray **out_tensors, GError **error);

/* One value with the node that computed it; strings belong to the run. */
typedef struct {
  const char *name;
  const char *op;   /* "constant" when nothing computes it */
  const char *node; /* "" likewise */
  const GonioTensor *tensor;
} GonioCliValue;

typedef struct {
  GonioSession *session;
  GonioGraph *graph;
  GonioTensor **outputs;
  guint n_outputs;
  GArray *rows; /* GonioCliValue in the order of computing; a list's tensors are <name>.<item> */
  GStringChunk *names; /* of items */
} GonioCliValues;

/* Zero-initialise *out_values; clear it also after an error. options.expose_all is set here. */
gboolean gonio_cli_values_run (const char *model, const GonioSessionOptions *options,
                               const GonioCliInputs *inputs, GonioCliValues *out_values,
                               GError **error);
void gonio_cli_values_clear (GonioCliValues *values);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioCliValues, gonio_cli_values_clear)

/* dir/name + ending with what could leave the folder replaced; tensor names may hold anything. */
char *gonio_cli_value_path (const char *dir, const char *name, const char *ending);

G_END_DECLS
