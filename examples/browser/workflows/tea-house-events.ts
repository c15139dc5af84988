/** What is said on the bus of the tea house. */
export interface TeaHouseEvents {
  'order:placed': { readonly id: string; readonly guest: string; readonly items: readonly OrderItem[] }
  'order:approved': { readonly id: string; readonly by: string }
  'parcel:sent': { readonly order: string; readonly guest: string; readonly weight: number }
  'stock:counted': { readonly tea: string; readonly grams: number }
}

export interface OrderItem {
  readonly tea: string
  readonly grams: number
}

/** What a gram costs. */
export const TEAS: Readonly<Record<string, number>> = {
  Sencha: 0.12,
  'Gyokuro Asahi': 0.34,
  Darjeeling: 0.16,
  'Da Hong Pao': 0.62,
  Lapsang: 0.11,
  'White Peony': 0.22,
}
