-- Backtracking over an array.
local function place(board, row, n)
  if row > n then return 1 end
  local count = 0
  for col = 1, n do
    local free = true
    for r = 1, row - 1 do
      local c = board[r]
      if c == col or c - r == col - row or c + r == col + row then
        free = false
        break
      end
    end
    if free then
      board[row] = col
      count = count + place(board, row + 1, n)
    end
  end
  return count
end

local total = 0
for round = 1, 5 do
  local board = {}
  for i = 1, 10 do board[i] = 0 end
  total = total + place(board, 1, 10)
end
print(total)
