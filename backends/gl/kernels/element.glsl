// Single elements of plain values.
float pick (vec4 v, int lane) {
  return lane == 0 ? v.x : lane == 1 ? v.y : lane == 2 ? v.z : v.w;
}
#define AT0(e) pick (in0 ((e) >> 2), (e) & 3)
#define AT1(e) pick (in1 ((e) >> 2), (e) & 3)
#define AT2(e) pick (in2 ((e) >> 2), (e) & 3)
