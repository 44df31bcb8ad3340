// OP of in0's element a and in1's element b in rows of p[0] elements that an update changes, else a;
// in2 says which update (-1: none). Plain values.
#include "element.glsl"
#include "plain.glsl"
float element (int e) {
  float a = AT0 (e);
  int row = e / p[0], update = int (AT2 (row));
  if (update < 0)
    return a;
  int at = update * p[0] + e % p[0];
  float b = AT1 (at);
  return OP;
}
