/* The OpenGL backends against the reference: what moves, picks and resamples elements, and
 * transposed convolutions. The argument names the backend. */
#include "core/ops/op.h"
#include "tests/backend/gl-test.h"

#include <string.h>

static const char *const views[] = {
    "Reshape(f:2,3,4; k:4,6)",
    "Reshape(f:2,3,4; k:0,-1)",
    "Reshape(f:1,6,4,5; k:1,3,2,20)",
    "Reshape(f:2,6,4,5; k:2,4,3,10)",
    "Reshape(f:2,5,1,1; k:2,1,5)",
    "Reshape(f:1; k:1,1,1,1)",
    "Reshape(f:0,3; k:0,5)",
    "Flatten(f:2,3,4,5) axis=2",
    "Flatten(f:2,5,1,1)",
    "Flatten(f:1,5,3,3)",
    "Squeeze(f:1,5,1,3; k:0,2)",
    "Squeeze(f:1,5,1,3)",
    "Unsqueeze(f:5,3; k:-1,0)",
    "Unsqueeze(f:2,5,3; k:2)",
    "Dropout(f:2,5,3,3)",
    "Dropout(f:2,5,3,3; s:0.3)",
};

static const char *const transpose[] = {
    "Transpose(f:2,3,4,5)",
    "Transpose(f:2,3,4,5) perm=0,1,3,2",
    "Transpose(f:2,3,4,5) perm=0,2,3,1",
    "Transpose(f:1,6,4,8) perm=0,2,1,3",
    "Transpose(f:3,8,12) perm=1,0,2",
    "Transpose(f:5,7)",
    "Transpose(f:7)",
    "Transpose(f:2,3,2,3,2) perm=4,0,3,1,2",
    "Transpose(f:2,1,3,2,1,3,2) perm=6,5,4,3,2,1,0",
    "Transpose(f:2,0,3) perm=2,1,0",
    "Transpose(f:3,5,2,2) perm=1,0,2,3",
    "DepthToSpace(f:1,8,3,5) blocksize=2",
    "DepthToSpace(f:2,12,3,2) blocksize=2 mode=CRD",
    "DepthToSpace(f:1,9,3,2) blocksize=3",
    "SpaceToDepth(f:2,3,4,6) blocksize=2",
    "ReverseSequence(f:4,3,2; k:2,4,1)",
    "ReverseSequence(f:3,4,5; k:0,4,3) batch_axis=0 time_axis=1",
};

static const char *const slice[] = {
    "Slice(f:5,7; k:1,2; k:4,6)",
    "Slice(f:5,7; k:-1; k:-100; k:0; k:-2)",
    "Slice(f:2,8,5,5; k:4; k:8; k:1)",
    "Slice(f:2,8,5,5; k:1; k:7; k:1)",
    "Slice(f:2,6,5,7; k:1,6; k:4,0; k:-2,-1; k:1,-2)",
    "Slice(f:2,6,5,7; k:5; k:-7; k:1; k:-1)",
    "Slice(f:2,6,5,7; k:0; k:6; k:1; k:2)",
    "Slice(f:3,5,4; k:1; k:2; k:0)",
    "Slice(f:3,16; k:0,4; k:3,12; k:0,1)",
    "Slice(f:4; k:3; k:1)",
    "Slice(f:0,4; k:1; k:3; k:1)",
    "Split(f:2,8,3,3) axis=1 out=2",
    "Split(f:2,7,3,3; k:3,4) axis=1 out=2",
    "Split(f:1,12,3,3; k:4,8) axis=1 out=2",
    "Split(f:6,5; k:1,0,5) axis=-2 out=3",
    "Split(f:5,7) axis=0 out=3",
    "Split(f:6) out=1",
};

static const char *const pad[] = {
    "Pad(f:2,5,4,3; k:0,0,1,2,0,0,3,1)",
    "Pad(f:2,5,4,3; k:0,0,1,2,0,0,3,1; s:1.5)",
    "Pad(f:2,5,4,3; k:0,0,1,2,0,0,3,1; s:inf)",
    "Pad(f:2,5,4,3; k:0,2,0,0,1,1,0,0; s:2)",
    "Pad(f:2,5,4,3; k:0,0,-1,2,0,0,1,-2)",
    "Pad(f:2,5,4,3; k:1,2; -; k:-1)",
    "Pad(f:2,5,4,3; k:0,0,2,2,0,0,3,1) mode=reflect",
    "Pad(f:2,5,4,3; k:0,0,7,2,0,0,3,9) mode=reflect",
    "Pad(f:2,5,4,3; k:0,3,0,2,0,1,3,1) mode=edge",
    "Pad(f:2,5,4,3; k:0,0,5,2,0,0,3,7) mode=wrap",
    "Pad(f:2,8,4,3; k:0,4,0,0,0,3,0,0; s:2)",
    "Pad(f:2,6,4,3; k:0,0,1,0,0,4,0,0)",
    "Pad(f:2,8,4,3; k:0,0,1,0,0,6,0,0)",
    "Pad(f:5; k:-2,3)",
    "Pad(f:1,1,1; k:0,0,2,0,0,2) mode=reflect",
    "Pad(f:0,2; k:1,1,1,1; s:3)",
    "CenterCropPad(f:2,5,8,3; k:5,6) axes=2,3",
    "CenterCropPad(f:5,8; k:7,5)",
    "CenterCropPad(f:5,8; k:2,8)",
};

static const char *const expand[] = {
    "Expand(f:3,1; k:2,1,4)", "Expand(f:2,5,1,1; k:2,5,3,4)", "Expand(f:2,1,3,4; k:2,5,3,4)",
    "Expand(f:1; k:3,2)",     "Expand(f:3,1; k:3,0)",         "Expand(f:1,8,1,3; k:2,8,5,3)",
    "Tile(f:2,3; k:2,2)",     "Tile(f:1,5,3,2; k:2,1,2,3)",   "Tile(f:2,3,2,2; k:1,2,1,1)",
    "Tile(f:4; k:0)",         "Tile(f:2,8; k:3,1)",
};

static const char *const concat[] = {
    "Concat(f:2,3; f:2,5) axis=1",
    "Concat(f:2,3; f:4,3; f:1,3) axis=-2",
    "Concat(f:2,8,3,3; f:2,4,3,3; f:2,5,3,3) axis=1",
    "Concat(f:2,3,3,3; f:2,4,3,3; f:2,6,3,3) axis=1",
    "Concat(f:2,5,3,3; f:2,5,2,3) axis=2",
    "Concat(f:2,5,3,3; f:2,5,3,1) axis=3",
    "Concat(f:2,5,3,3; f:1,5,3,3) axis=0",
    "Concat(f:1,4,3,3; c:1,8,3,3) axis=1",
    "Concat(f:2,0,3; f:2,2,3) axis=1",
    "Concat(f:0,3; f:0,2) axis=1",
    "Concat(f:5) axis=0",
    "Concat(f:3,4; f:2,4; f:1,4) axis=0",
    "Concat(f:1,8,40,50; f:1,4,40,50) axis=1",
    "Concat(f:1,4,50,60; f:1,4,50,60; f:1,8,50,60; f:1,4,50,60; f:1,4,50,60; f:1,4,50,60; "
    "f:1,4,50,60; f:1,4,50,60; f:1,4,50,60; f:1,3,50,60) axis=1",
    "Concat(f:2,4,5,6; f:2,4,5,6; f:2,8,5,6; f:2,4,5,6; f:2,4,5,6; f:2,4,5,6; "
    "f:2,4,5,6; f:2,4,5,6; f:2,4,5,6; f:2,3,5,6) axis=1",
    "Concat(f:2,1; f:2,2; f:2,3; f:2,1; f:2,1; f:2,1; f:2,2; f:2,1; f:2,5; f:2,1; f:2,1; f:2,1; "
    "f:2,1; f:2,1; f:2,1; f:2,1; f:2,1; f:2,1) axis=1",
};

static const char *const gather[] = {
    "Gather(f:5,4; k:0,4,-1,2)",
    "Gather(f:5,4; t:2,3=0,1,2,3,-1,-4) axis=1",
    "Gather(f:2,5,4,6; k:5,0,2) axis=-1",
    "Gather(f:2,5,4,6; k:4,0) axis=1",
    "Gather(f:2,12,4,6; k:4,5,6,7,0,1,2,3,8,9) axis=1",
    "Gather(f:2,12,4; k:4,5,6,0,1,2,3) axis=1",
    "Gather(f:2,5,4,6; t:2,2=3,0,2,1) axis=2",
    "Gather(f:3,5,4,6; k:2,0) axis=0",
    "Gather(f:3,4,5; t:2,2=2,0,1,1) axis=0",
    "Gather(f:2,5,4,6; t:=1) axis=2",
    "Gather(f:5,8; k:1)",
    "Gather(f:5,4; k:)",
    "GatherElements(f:3,4; j3:2,4)",
    "GatherElements(f:3,4,5; j5:3,4,2) axis=-1",
    "GatherND(f:3,4,5; j3:6,2)",
    "GatherND(f:3,4,5; j3:6,3)",
    "GatherND(f:3,4,5; j4:3,2,1) batch_dims=1",
    "GatherND(f:3,4; t:1,1=-1)",
    "GatherND(f:2,5,4,8; j2:3,2)",
};

static const char *const scatter[] = {
    "ScatterElements(f:3,4; j3:2,4; f:2,4)",
    "ScatterElements(f:3,4; t:1,2=1,3; f:1,2) axis=1 reduction=add",
    "ScatterElements(f:3,4; t:1,2=1,3; f:1,2) axis=1 reduction=mul",
    "ScatterElements(f:3,4; t:1,2=1,3; f:1,2) axis=1 reduction=max",
    "ScatterElements(f:3,4; t:1,2=1,-1; f:1,2) axis=-1 reduction=min",
    "ScatterND(f:3,4,5; t:2,2=0,1,2,3; f:2,5)",
    "ScatterND(f:5; t:4,1=1,1,3,-1; f:4)",
    "ScatterND(f:3,4; t:2,1=0,2; f:2,4) reduction=add",
    "TensorScatter(f:2,3,6,4; f:2,3,2,4; k:1,3)",
    "TensorScatter(f:2,6,4; f:2,3,4; k:4,0) mode=circular",
    "TensorScatter(f:2,6,4; f:2,3,4)",
    "Where(z:2,3,4; f:2,3,4; f:2,3,4)",
    "Where(z:3,1; f:2,1,4; f:3,4)",
    "Where(z:1,1,5,7; f:2,3,5,7; s:-3)",
    "Trilu(f:4,5)",
    "Trilu(f:2,3,4,4; t:=-1)",
    "Trilu(f:5,3; t:=1) upper=0",
    "Trilu(f:2,3,4; t:=-100) upper=0",
    "CumSum(f:3,5,4; t:=1)",
    "CumSum(f:3,5,4; t:=-1) exclusive=1",
    "CumSum(f:7; t:=0) reverse=1",
    "CumSum(f:2,3,5; t:=0) reverse=1 exclusive=1",
    "CumProd(f:3,5; t:=1)",
};

static const char *const resize[] = {
    "Resize(f:2,5,4,3; -; v:1,1,2,2)",
    "Resize(f:2,5,4,3; -; v:1,1,2,3) coordinate_transformation_mode=asymmetric nearest_mode=floor",
    "Resize(f:2,5,7,5; -; v:1,1,0.6,1.7) nearest_mode=ceil",
    "Resize(f:2,5,7,5; -; -; k:2,5,3,9) nearest_mode=round_prefer_ceil "
    "coordinate_transformation_mode=align_corners",
    "Resize(f:1,2,3; -; v:2,2,2)",
    "Resize(f:2,6,5; -; v:1,2,1)",
    "Resize(f:2,5,4,3; -; v:1,1,2,2) mode=linear",
    "Resize(f:2,5,4,3; -; v:1,1,2,1) mode=linear",
    "Resize(f:2,5,4,3; -; v:1,1,1,2) mode=linear coordinate_transformation_mode=align_corners",
    "Resize(f:2,5,8,7; -; v:1,1,0.5,0.7) mode=linear",
    "Resize(f:2,5,8,7; -; v:1,1,0.5,0.7) mode=linear antialias=1",
    "Resize(f:2,5,8,7; -; v:1,1,0.3,0.4) mode=cubic antialias=1",
    "Resize(f:2,5,4,3; -; v:1,1,2,2) mode=linear "
    "coordinate_transformation_mode=pytorch_half_pixel",
    "Resize(f:2,5,4,3; -; v:1,1,0.3,2.3) mode=linear "
    "coordinate_transformation_mode=half_pixel_symmetric",
    "Resize(f:2,5,4,3; -; v:1,1,2,2) mode=linear coordinate_transformation_mode=asymmetric",
    "Resize(f:2,5,4,3; -; v:1,1,2,2) mode=nearest "
    "coordinate_transformation_mode=tf_half_pixel_for_nn",
    "Resize(f:2,5,4,3; v:0,0,0.2,0.1,1,1,0.8,1.3; -; k:2,5,6,6) mode=linear "
    "coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=7",
    "Resize(f:2,5,4,3; v:0,0,0.2,-0.1,1,1,0.8,1.3; -; k:2,5,6,6) mode=nearest "
    "coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=7",
    "Resize(f:2,5,4,3; -; v:1,1,2,2) mode=cubic",
    "Resize(f:2,5,4,3; -; v:1,1,2.3,0.7) mode=cubic exclude_outside=1 cubic_coeff_a=-0.5",
    "Resize(f:1,3,4; -; v:1,1,2.5) mode=cubic",
    "Resize(f:1,3,3,4,3; -; v:1,1,2,2,2) mode=linear",
    "Resize(f:2,3,4; -; v:2,2,1) mode=linear",
    "Resize(f:5; -; v:2) mode=linear",
    "Resize(f:2,5,4,3; -; -; k:7,8) mode=linear axes=2,3",
    "Resize(f:2,5,4,3; -; -; k:9,8) mode=linear axes=3,2 keep_aspect_ratio_policy=not_larger",
    "Resize(f:2,5,4,3; -; -; k:9,8) axes=-1,-2 keep_aspect_ratio_policy=not_smaller",
    "Resize(f:2,5,4,3; -; v:1,1,1,1) mode=linear",
};

static const char *const sample[] = {
    "GridSample(f:2,5,6,7; f:2,4,3,2)",
    "GridSample(f:2,5,6,7; f:2,4,3,2) align_corners=1 padding_mode=border",
    "GridSample(f:2,5,6,7; f:2,4,3,2) padding_mode=reflection",
    "GridSample(f:2,5,6,7; f:2,4,3,2) mode=nearest",
    "GridSample(f:2,5,6,7; f:2,4,3,2) mode=nearest padding_mode=reflection align_corners=1",
    "GridSample(f:2,5,6,7; f:2,4,3,2) mode=cubic",
    "GridSample(f:2,5,6,7; f:2,4,3,2) mode=cubic padding_mode=border align_corners=1",
    "GridSample(f:2,5,6,7; f:2,4,3,2) mode=cubic padding_mode=reflection",
    "GridSample(f:1,3,1,1; f:1,2,2,2) padding_mode=reflection align_corners=1",
    "AffineGrid(f:2,2,3; k:2,3,4,5)",
    "AffineGrid(f:2,2,3; k:2,3,4,1) align_corners=1",
    "AffineGrid(f:1,3,4; k:1,2,3,4,5)",
    "Col2Im(f:2,12,12; k:5,4; k:2,2)",
    "Col2Im(f:1,18,6; k:5,6; k:3,3) strides=2,2 pads=0,1,0,1",
    "Col2Im(f:1,6,4; k:7; k:3) dilations=2 pads=1,0 strides=1",
};

static const char *const deconv[] = {
    "ConvTranspose(f:1,8,5,6; c:8,4,2,2; c:4) strides=2,2",
    "ConvTranspose(f:2,5,5,4; c:5,7,3,3; c:7) strides=2,2 pads=1,1,1,1 output_padding=1,1",
    "ConvTranspose(f:2,3,4,5; c:3,6,3,2) pads=1,0,2,1",
    "ConvTranspose(f:1,8,4,5; c:8,4,3,3) strides=3,2 dilations=2,3",
    "ConvTranspose(f:1,4,5,5; c:4,4,4,4) strides=2,2 dilations=2,2 pads=2,1,2,1",
    "ConvTranspose(f:1,4,5,5; c:4,4,3,3) strides=4,4 dilations=6,3",
    "ConvTranspose(f:1,8,6,7; c:8,4,3,3; c:8) group=2 strides=2,2",
    "ConvTranspose(f:2,6,5,4; c:6,1,4,4; c:6) group=6 strides=2,2 pads=1,1,1,1",
    "ConvTranspose(f:2,5,9; c:5,3,4; c:3) strides=3 pads=1,0",
    "ConvTranspose(f:1,3,5,5; c:3,4,3,3) auto_pad=SAME_UPPER strides=2,2",
    "ConvTranspose(f:1,3,5,5; c:3,4,3,3) output_shape=10,9 strides=2,2",
    "ConvTranspose(f:1,1,1,1; c:1,1,1,1)",
    "ConvTranspose(f:0,3,5,5; c:3,4,3,3)",
};

static const char *const refused[] = {
    "Slice(f:5,7; i1:1; k:3)",
    "Gather(f:3,4; i3:2)",
    "Pad(f:5; k:1,1; f:)",
    "GridSample(f:1,2,3,4,5; f:1,2,2,2,3)",
    "Where(b:3; f:3; f:3)",
    "ScatterElements(f:3,4; t:1,2=1,1; f:1,2) axis=1 reduction=add",
    "ReverseSequence(f:2,3,4; k:1,2,3) batch_axis=1 time_axis=2",
    "ConvTranspose(f:1,6,5,5; c:6,2,3,3) group=3",
    "ConvTranspose(f:1,4,5,5; f:4,3,3,3)",
    "ConvTranspose(f:1,4,5,5,5; c:4,3,3,3,3)",
    "CumSum(f:2,5000; t:=1)",
    "Gather(f:3; k:3)",
    "Transpose(i3:2,3)",
    "Dropout(f:2,5; s:0.3; z:) out=2",
    "Resize(f:1,2,300,3; -; v:1,1,0.01,1) mode=linear antialias=1",
};

/* ---- forms that views share ---- */

static GonioValueId
add_view (GonioGraph *graph, GonioValueId from, const int64_t *dims, int rank)
{
  GonioShape shape = GONIO_SHAPE (rank);
  g_autoptr (GonioTensor) tensor = gonio_tensor_new (GONIO_DTYPE_INT64, &shape, NULL);
  memcpy (gonio_tensor_writable_data (tensor), dims, (gsize)rank * sizeof *dims);
  const GonioValueId inputs[2] = {from, gonio_graph_add_constant (graph, NULL, tensor)};
  return gl_test_add_node (graph, GONIO_OP_RESHAPE, inputs, 2);
}

static GonioValueId
add_global_pool (GonioGraph *graph, GonioValueId from)
{
  return gl_test_add_node (graph, GONIO_OP_GLOBAL_MAX_POOL, &from, 1);
}

/* A channel shuffle between pools, whose result is read as itself, as other images, and as a row.
 */
static GonioGraph *
shuffle_graph (int channels)
{
  GonioGraph *graph = gonio_graph_new ("shuffle");
  GonioShape shape = GONIO_SHAPE (2, channels, 5, 3);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &sym);
  static const int64_t perm[] = {0, 2, 1, 3, 4}, ones[] = {1, 1};
  GonioValueId y = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId pool = gonio_graph_add_node (graph, GONIO_OP_MAX_POOL, NULL, &x, 1, &y, 1);
  gonio_graph_set_attr_ints (graph, pool, "kernel_shape", ones, 2);
  GonioValueId split = add_view (graph, y, (int64_t[]){2, 2, channels / 2, 5, 3}, 5);
  GonioValueId turned = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId turn = gonio_graph_add_node (graph, GONIO_OP_TRANSPOSE, NULL, &split, 1, &turned, 1);
  gonio_graph_set_attr_ints (graph, turn, "perm", perm, 5);
  GonioValueId joined = add_view (graph, turned, shape.dims, 4);
  gonio_graph_add_output (graph, add_global_pool (graph, joined));
  gonio_graph_add_output (graph, joined);
  GonioValueId other = add_view (graph, joined, (int64_t[]){2, 5, channels, 3}, 4);
  GonioValueId pooled = add_global_pool (graph, other);
  gonio_graph_add_output (graph, add_view (graph, pooled, (int64_t[]){1, 10}, 2));
  gonio_graph_add_output (graph, add_global_pool (graph, turned));
  return graph;
}

static void
test_shared_forms (void)
{
  for (int channels = 4; channels <= 12; channels += 2) {
    GonioShape shape = GONIO_SHAPE (2, channels, 5, 3);
    g_autoptr (GonioTensor) input = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
    for (int64_t i = 0; i < gonio_tensor_count (input); i++)
      ((float *)gonio_tensor_writable_data (input))[i] = (float)(i * 37 % 101);
    g_autoptr (GonioGraph) graph = shuffle_graph (channels);
    g_assert_true (gonio_infer_graph (graph, NULL));
    const char *name = "x";
    GonioTensor **want = gl_test_run_graph (graph, gl_test_reference, &name, &input, 1);
    GonioTensor **got = gl_test_run_graph (graph, gl_test_alone, &name, &input, 1);
    for (int i = 0; i < 4; i++)
      g_assert_cmpmem (gonio_tensor_data (got[i]), gonio_tensor_size (got[i]),
                       gonio_tensor_data (want[i]), gonio_tensor_size (want[i]));
    gonio_session_free_outputs (want, 4);
    gonio_session_free_outputs (got, 4);
  }
}

int
main (int argc, char **argv)
{
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  gl_test_add_cases ("/gl-layout/views", views, G_N_ELEMENTS (views));
  gl_test_add_cases ("/gl-layout/transpose", transpose, G_N_ELEMENTS (transpose));
  gl_test_add_cases ("/gl-layout/slice", slice, G_N_ELEMENTS (slice));
  gl_test_add_cases ("/gl-layout/pad", pad, G_N_ELEMENTS (pad));
  gl_test_add_cases ("/gl-layout/expand", expand, G_N_ELEMENTS (expand));
  gl_test_add_cases ("/gl-layout/concat", concat, G_N_ELEMENTS (concat));
  gl_test_add_cases ("/gl-layout/gather", gather, G_N_ELEMENTS (gather));
  gl_test_add_cases ("/gl-layout/scatter", scatter, G_N_ELEMENTS (scatter));
  gl_test_add_cases ("/gl-layout/resize", resize, G_N_ELEMENTS (resize));
  gl_test_add_cases ("/gl-layout/sample", sample, G_N_ELEMENTS (sample));
  gl_test_add_cases ("/gl-layout/deconv", deconv, G_N_ELEMENTS (deconv));
  g_test_add_func ("/gl-layout/shared-forms", test_shared_forms);
  gl_test_add_refused ("/gl-layout/refused", refused, G_N_ELEMENTS (refused));
  return g_test_run ();
}
