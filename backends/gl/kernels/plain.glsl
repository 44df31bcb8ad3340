// Texels of a plain result of p[47] elements, one by one; 0 behind the last.
float element (int e);
vec4 texel (int i) {
  int e = 4 * i, left = p[47] - e;
  return vec4 (element (e), left > 1 ? element (e + 1) : 0.0, left > 2 ? element (e + 2) : 0.0,
               left > 3 ? element (e + 3) : 0.0);
}
