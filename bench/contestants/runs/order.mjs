/** The work that every contestant does for one event: three asynchronous stages, each of which writes to the state. */
export const order = {
  orderId: 'o-1',
  customer: { name: 'Ada', country: 'GB' },
  lines: [
    { sku: 'a', price: 12, quantity: 2 },
    { sku: 'b', price: 30, quantity: 1 },
  ],
}

export const initialState = ({ orderId, lines }) => ({ orderId, lines, total: 0, tax: 0, status: 'new' })

export const addUp = async ({ lines }) => ({
  total: lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0),
})

export const addTax = async ({ total }) => ({ tax: total / 5 })

export const close = async ({ total, tax }) => ({ status: 'closed', total: total + tax })
