/* Models whose tensors lie in files beside them: whatever names, links, offsets and lengths say,
 * nothing outside the model's folder is read.
 *
 * The input is a protobuf message, so that models and files are mutated alike: 1 the model, 2 (any
 * number) a file {1 name, 2 contents or target, 3 kind}. Around the folder lie files full of a
 * canary; no tensor may hold it. PLACE in the model stands for the path of what lies around. */
#include "core/onnx/load.h"
#include "core/ops/op.h"
#include "core/onnx/wire.h"
#include "tests/fuzz/fail.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define PLACE      "/@@/@@@@@@@@@@@@@@@@@" /* as long as root */
#define CANARY     "\xca\xa5\x17\x9e"
#define CANARY_LEN 4
#define MAX_FILES  8

enum { REGULAR, LINK_INSIDE, LINK_CANARY, LINK_ABSOLUTE, LINK_FOLDER, FOLDER, FIFO, N_KINDS };

static char root[] = "/tmp/gonio-fuzzXXXXXX";
G_STATIC_ASSERT (sizeof root == sizeof PLACE);

static void
clean_up (void)
{
  static const char *const names[] = {
      "around/data.bin", "around", "model2/data.bin", "model2", "model", "data.bin", ""};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (root, names[i], NULL);
    g_remove (path);
  }
}

static void
put_canary (const char *name)
{
  g_autofree char *path = g_build_filename (root, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GString) text = g_string_new (NULL);

  while (text->len < 65536)
    g_string_append_len (text, CANARY, CANARY_LEN);
  g_mkdir (folder, 0700);
  gboolean ok = g_file_set_contents (path, text->str, (gssize)text->len, NULL);
  g_assert_true (ok);
}

static void
prepare (void)
{
  static gsize done;

  if (!g_once_init_enter (&done))
    return;
  g_assert_nonnull (mkdtemp (root));
  put_canary ("data.bin");
  put_canary ("around/data.bin");
  put_canary ("model2/data.bin"); /* the folder's own name goes on */
  atexit (clean_up);
  g_once_init_leave (&done, 1);
}

/* ---- the files ---- */

/* In the folder, or one folder below: never elsewhere, this program writes them. */
static gboolean
name_is_safe (const char *name)
{
  return *name && *name != '.' && strlen (name) < 60 && !strchr (name, '/');
}

static void
make_file (const char *folder, GonioWire wire)
{
  g_autofree char *name = g_strdup ("data.bin");
  g_autofree char *path = NULL;
  g_autofree char *absolute = g_build_filename (root, "around", "data.bin", NULL);
  g_autofree char *target = NULL;
  const char *contents = "";
  size_t size = 0;
  guint64 kind = REGULAR;
  GonioWireField field = {0};

  while (gonio_wire_next (&wire, &field, NULL)) {
    if (field.number == 1 && field.type == GONIO_WIRE_BYTES) {
      g_free (name);
      name = g_strndup ((const char *)field.data, field.size);
    } else if (field.number == 2 && field.type == GONIO_WIRE_BYTES) {
      contents = (const char *)field.data;
      size = field.size;
    } else if (field.number == 3 && field.type == GONIO_WIRE_VARINT) {
      kind = field.value;
    }
  }
  if (!name_is_safe (name))
    return;
  path = g_build_filename (folder, name, NULL);
  target = g_strndup (contents, size);
  const char *const links[] = {[LINK_INSIDE] = target,
                               [LINK_CANARY] = "../around/data.bin",
                               [LINK_ABSOLUTE] = absolute,
                               [LINK_FOLDER] = "../around"};
  int failed = 0;
  switch (kind % N_KINDS) {
  case REGULAR:
    failed = !g_file_set_contents (path, contents, (gssize)size, NULL);
    break;
  case FOLDER:
    failed = g_mkdir (path, 0700);
    break;
  case FIFO:
    failed = mkfifo (path, 0600);
    break;
  default:
    failed = *links[kind % N_KINDS] ? symlink (links[kind % N_KINDS], path) : 1;
  }
  (void)failed; /* a name used twice, or too long: one file fewer */
}

static void
remove_all (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);

  for (const char *name = g_dir_read_name (dir); name; name = g_dir_read_name (dir)) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_remove (path);
  }
  g_rmdir (folder);
}

/* ---- the model ---- */

/* With the real path in PLACE's place. (transfer full) */
static GBytes *
with_path (const GonioWireField *model)
{
  uint8_t *bytes = g_memdup2 (model->data, model->size);

  for (size_t i = 0; i + strlen (PLACE) <= model->size; i++)
    if (memcmp (bytes + i, PLACE, strlen (PLACE)) == 0)
      memcpy (bytes + i, root, strlen (root));
  return g_bytes_new_take (bytes, model->size);
}

static void
check_tensor (const GonioTensor *tensor, const char *name)
{
  if (tensor && gonio_tensor_size (tensor) >= CANARY_LEN &&
      gonio_tensor_dtype (tensor) != GONIO_DTYPE_STRING &&
      memmem (gonio_tensor_data (tensor), gonio_tensor_size (tensor), CANARY, CANARY_LEN))
    fuzz_fail ("“%s” was read from outside the model's folder", name);
}

static void
check_graph (const GonioGraph *graph)
{
  for (GonioValueId id = 0; id < gonio_graph_n_values (graph); id++) {
    const GonioValue *value = gonio_graph_value (graph, id);
    check_tensor (value->constant, value->name);
  }
  for (GonioNodeId id = 0; id < gonio_graph_n_nodes (graph); id++) {
    const GonioNode *node = gonio_graph_node (graph, id);
    for (guint i = 0; node && i < node->n_attrs; i++) {
      if (node->attrs[i].type == GONIO_ATTR_TENSOR)
        check_tensor (node->attrs[i].tensor, node->name);
      if (node->attrs[i].type == GONIO_ATTR_GRAPH)
        check_graph (node->attrs[i].graph);
    }
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const GonioLoadLimits limits = {.max_tensor_bytes = (size_t)1 << 20, .max_nodes = 2000};
  GonioWire wire = {data, data, data + size, NULL};
  GonioWireField field = {0}, model = {0};
  guint n_files = 0;

  prepare ();
  if (memmem (data, size, CANARY, CANARY_LEN))
    return 0;
  g_autofree char *folder = g_build_filename (root, "model", NULL);
  g_mkdir (folder, 0700);
  while (gonio_wire_next (&wire, &field, NULL)) {
    if (field.number == 1 && field.type == GONIO_WIRE_BYTES)
      model = field;
    else if (field.number == 2 && field.type == GONIO_WIRE_BYTES && n_files++ < MAX_FILES)
      make_file (folder, (GonioWire){field.data, field.data, field.data + field.size, NULL});
  }
  if (model.size > 0) {
    g_autoptr (GBytes) bytes = with_path (&model);
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioGraph) graph = gonio_onnx_load_bytes (bytes, folder, &limits, &error);
    g_assert_true ((graph == NULL) == (error != NULL));
    if (graph)
      check_graph (graph);
  }
  remove_all (folder);
  return 0;
}
