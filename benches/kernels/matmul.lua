-- Elements of nested tables, in the plain order i, j, k.
local n = 256
local a, b, c = {}, {}, {}
for i = 0, n - 1 do
  local ai, bi = {}, {}
  for j = 0, n - 1 do
    ai[j + 1] = (i * 3 + j) % 11 - 5.0
    bi[j + 1] = (i + j * 7) % 13 / 4.0
  end
  a[i + 1], b[i + 1] = ai, bi
end
for i = 1, n do
  local ai, ci = a[i], {}
  for j = 1, n do
    local total = 0.0
    for k = 1, n do
      total = total + ai[k] * b[k][j]
    end
    ci[j] = total
  end
  c[i] = ci
end
local check = 0.0
for i = 0, n - 1 do
  local ci = c[i + 1]
  for j = 0, n - 1 do
    check = check + ci[j + 1] * ((i + j) % 5)
  end
end
print(string.format("%.3f", check))
