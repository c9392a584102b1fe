-- Float arithmetic in a loop.
local size = 400
local total = 0
for py = 0, size - 1 do
  local cy = py * 2.0 / size - 1.0
  for px = 0, size - 1 do
    local cx = px * 2.0 / size - 1.5
    local x, y, n = 0.0, 0.0, 0
    while n < 200 do
      local xx = x * x
      local yy = y * y
      if xx + yy > 4.0 then break end
      y = 2.0 * x * y + cy
      x = xx - yy + cx
      n = n + 1
    end
    total = total + n
  end
end
print(total)
