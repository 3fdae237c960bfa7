# The tables of shop A, as its migrations made them.

ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table :products do |t|
    t.string :name, null: false
    t.string :sku, null: false, index: { unique: true }
    t.integer :stock_quantity, default: 0, null: false
    t.integer :reserved_quantity, default: 0, null: false
    t.timestamps
  end
  create_table :carts do |t|
    t.bigint :user_id
    t.string :status, default: "active"
    t.timestamps
  end
  create_table :cart_items do |t|
    t.references :cart, null: false
    t.references :product, null: false
    t.integer :quantity, null: false
    t.timestamps
  end
end
