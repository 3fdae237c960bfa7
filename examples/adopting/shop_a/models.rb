# Shop A, as it is: stock in two columns of its products, carts with a status. Holdfast changes nothing
# in this file.

require "active_record"

class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

class Product < ApplicationRecord
  has_many :cart_items, dependent: :destroy

  validates :name, presence: true
  validates :sku, presence: true, uniqueness: true
  validates :stock_quantity, :reserved_quantity,
            presence: true, numericality: { greater_than_or_equal_to: 0 }

  scope :in_stock, -> { where("stock_quantity > reserved_quantity") }
  scope :low_stock, ->(threshold = 5) { where("(stock_quantity - reserved_quantity) <= ?", threshold) }

  def available_quantity
    stock_quantity - reserved_quantity
  end

  def sufficient_stock?(requested_quantity)
    available_quantity >= requested_quantity
  end

  def reserve_stock!(quantity)
    return false unless sufficient_stock?(quantity)

    increment!(:reserved_quantity, quantity)
    true
  end

  def release_stock!(quantity)
    decrement!(:reserved_quantity, [quantity, reserved_quantity].min)
  end
end

class Cart < ApplicationRecord
  belongs_to :user, optional: true
  has_many :cart_items, dependent: :destroy
  has_many :products, through: :cart_items

  enum status: { active: "active", checked_out: "checked_out", abandoned: "abandoned" }

  scope :active, -> { where(status: "active") }
  scope :stale, -> { where("updated_at < ?", 1.hour.ago) }

  def total_items
    cart_items.sum(:quantity)
  end

  def empty?
    cart_items.empty?
  end
end

class CartItem < ApplicationRecord
  belongs_to :cart
  belongs_to :product

  validates :quantity, presence: true, numericality: { greater_than: 0 }
  validates :product_id, uniqueness: { scope: :cart_id }

  scope :with_products, -> { includes(:product) }

  def total_requested_quantity
    quantity
  end

  def product_available_quantity
    product.available_quantity
  end
end
