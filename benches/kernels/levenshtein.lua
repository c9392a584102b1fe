-- Dynamic programming over two rows.
local function letters(n, seed)
  local text = {}
  for i = 1, n do
    seed = seed * 16807 % 2147483647
    text[i] = seed % 4
  end
  return text
end

local function distance(a, b)
  local n = #b
  local before, row = {}, {}
  for j = 1, n + 1 do before[j], row[j] = j - 1, 0 end
  for i = 1, #a do
    row[1] = i
    local letter = a[i]
    for j = 1, n do
      local best = before[j]
      if letter ~= b[j] then best = best + 1 end
      local deleted = before[j + 1] + 1
      if deleted < best then best = deleted end
      local inserted = row[j] + 1
      if inserted < best then best = inserted end
      row[j + 1] = best
    end
    before, row = row, before
  end
  return before[n + 1]
end

print(distance(letters(2000, 1), letters(2000, 2)))
